"""Error rates of a classifier: the exact one, and a smooth one that meta-training can differentiate."""

from __future__ import annotations

import torch
from torch import Tensor

_SHARPNESS = 4.0
_TINY = 1e-6


def error_rate(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of points whose most likely class is not the label's; NaN if the network diverged.

    Args:
        logits: [points, classes].
        labels: [points].
    """
    rate = (logits.argmax(-1) != labels).to(logits.dtype).mean()
    return torch.where(logits.isfinite().all(), rate, torch.nan)


def smooth_error_rate(logits: Tensor, labels: Tensor) -> Tensor:
    """A differentiable error rate: points near a boundary count in part. The logits' scale does not matter."""
    centred = logits - logits.mean(-1, keepdim=True)
    scale = (centred.square().mean() + _TINY).sqrt()
    right = torch.softmax(_SHARPNESS * centred / scale, -1).gather(-1, labels[:, None])
    return 1 - right.mean()

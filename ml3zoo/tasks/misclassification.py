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


def balanced_error_rate(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean error rate of the classes among the labels, all of equal weight; NaN if the network diverged.

    Args:
        logits: [points, classes].
        labels: [points].
    """
    wrong = (logits.argmax(-1) != labels).to(logits.dtype)
    return torch.where(logits.isfinite().all(), _mean_of_classes(wrong, labels, logits.shape[-1]), torch.nan)


def smooth_error_rate(logits: Tensor, labels: Tensor) -> Tensor:
    """A differentiable error rate: points near a boundary count in part. The logits' scale does not matter."""
    return 1 - _smoothly_right(logits, labels).mean()


def smooth_balanced_error_rate(logits: Tensor, labels: Tensor) -> Tensor:
    """The same of the classes among the labels, all of equal weight."""
    return 1 - _mean_of_classes(_smoothly_right(logits, labels), labels, logits.shape[-1])


def _smoothly_right(logits: Tensor, labels: Tensor) -> Tensor:
    """How right each point is, from 0 to 1, [points]."""
    centred = logits - logits.mean(-1, keepdim=True)
    scale = (centred.square().mean() + _TINY).sqrt()
    return torch.softmax(_SHARPNESS * centred / scale, -1).gather(-1, labels[:, None]).squeeze(-1)


def _mean_of_classes(values: Tensor, labels: Tensor, classes: int) -> Tensor:
    """The mean over classes of the mean over their points, [points] -> []."""
    members = torch.nn.functional.one_hot(labels, classes).to(values.dtype)
    counts = members.sum(0)
    return (values @ members / counts.clamp_min(1)).sum() / (counts > 0).sum()

"""``load_loss``: a name in the zoo -> a module for somebody's training loop."""

from __future__ import annotations

from pathlib import Path

import torch

from ml3zoo.errors import InputError
from ml3zoo.losses.base import LearnedLoss, Reduction
from ml3zoo.zoo.names import locate
from ml3zoo.zoo.store import read_loss


def load_loss(
    name: str | Path,
    *,
    reduction: Reduction = "mean",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    trainable: bool = False,
    total_steps: int | None = None,
) -> LearnedLoss:
    """Load a learned loss: ``loss = load_loss("sine-regression"); loss(model(x), y).backward()``.

    Args:
        name: a name of the zoo, ``hf://org/name@revision``, or the path of a loss's folder.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, as in ``torch.nn``.
        device: where its parameters live; the CPU if not given.
        dtype: float32 if not given, or float64; it never computes in less.
        trainable: let its parameters require gradients, to train them further.
        total_steps: number of training steps to come, for losses that look at the training progress.

    Returns:
        An ``nn.Module`` called as ``loss(input, target)``.

    Raises:
        UnknownNameError: no such loss.
        HubError: it has to come from the Hub, which refuses or cannot be reached.
        ConfigError: its config cannot be read.
        IntegrityError: its files are damaged.
        InputError: an argument is out of range.
    """
    if total_steps is not None and (not isinstance(total_steps, int) or total_steps < 1):
        raise InputError(
            f"total_steps must be a whole number from 1, got {total_steps!r}. It is the number of training steps."
        )
    if dtype not in (None, torch.float32, torch.float64):
        raise InputError(f"dtype must be torch.float32 or torch.float64, got {dtype!r}. Losses compute in no less.")
    location = locate(name)
    loss = read_loss(location.folder, replay=location.source is not None)
    loss.reduction = reduction
    loss.total_steps = total_steps
    loss.requires_grad_(trainable)
    return loss.to(device=device, dtype=dtype)

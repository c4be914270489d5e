"""``load_loss``: a name in the zoo -> a module for somebody's training loop."""

from __future__ import annotations

from pathlib import Path
from typing import SupportsIndex

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.call import Reduction
from ml3zoo.losses.checks import IGNORED
from ml3zoo.zoo.names import locate
from ml3zoo.zoo.store import read_loss


def load_loss(
    name: str | Path,
    *,
    reduction: Reduction = "mean",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    trainable: bool = False,
    total_steps: SupportsIndex | None = None,
    weight: Tensor | None = None,
    ignore_index: int | None = IGNORED,
    label_smoothing: float = 0.0,
    class_counts: Tensor | None = None,
) -> LearnedLoss:
    """Load a learned loss: ``loss = load_loss("sine-regression"); loss(model(x), y).backward()``.

    Args:
        name: a name of the zoo, ``hf://org/name@revision``, or the path of a loss's folder.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``, as in ``torch.nn``.
        device: where its parameters live; the CPU if not given.
        dtype: float32 if not given, or float64; it never computes in less.
        trainable: let its parameters require gradients, to train them further.
        total_steps: number of optimiser steps of the training, for losses that look at its progress.
        weight: of each class, [classes], as in ``torch.nn.CrossEntropyLoss``; for classification, as the next two.
        ignore_index: a class index that marks points to leave out; none if None.
        label_smoothing: share of a target that is spread over all classes, in [0, 1].
        class_counts: how many training points each class has, [classes], for losses that look at that.

    Returns:
        An ``nn.Module`` called as ``loss(input, target)``.

    Raises:
        UnknownNameError: no such loss.
        HubError: it has to come from the Hub, which refuses or cannot be reached.
        ConfigError: its config cannot be read.
        IntegrityError: its files are damaged.
        InputError: an argument is out of range.
    """
    if dtype not in (None, torch.float32, torch.float64):
        raise InputError(f"dtype must be torch.float32 or torch.float64, got {dtype!r}. Losses compute in no less.")
    location = locate(name)
    with torch.device("cpu"), torch.inference_mode(False):  # Hugging Face builds models on the meta device
        loss = read_loss(location.folder, replay=location.source is not None)
    loss.reduction = reduction
    loss.total_steps = total_steps
    loss.target_options(weight, ignore_index, label_smoothing, class_counts)
    loss.process_group = "all"
    loss.requires_grad_(trainable)
    return _initialised(loss.to(device=device, dtype=dtype))


def _initialised(loss: LearnedLoss) -> LearnedLoss:
    """The loss, its tensors marked: the initialisation of a Hugging Face model that it is part of leaves them alone."""
    for tensor in (*loss.parameters(), *loss.buffers()):
        tensor._is_hf_initialized = True  # type: ignore[attr-defined]
    return loss

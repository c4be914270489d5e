"""Ordinary losses for classes of which some are rare in training; they are told how many training points each has."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ml3zoo.errors import InputError
from ml3zoo.losses.contract import call_arguments

_FEWEST = 0.5
"""A class without a training point counts as having so many, so that logarithms and ratios are finite."""


class ShiftedCrossEntropy(nn.Module, ABC):
    """Cross-entropy of logits that are shifted by how frequent classes are.

    Args:
        reduction: the mean over points, or the loss of each.
    """

    uses = frozenset({"class_counts"})

    def __init__(self, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, input: Tensor, target: Tensor, class_counts: Tensor) -> Tensor:
        """A scalar, or the loss of each point.

        Args:
            input: logits [points, classes].
            target: class indices [points].
            class_counts: training points of each class, [classes].
        """
        logits = self.shifted(input, target, class_counts.to(input.dtype).clamp_min(_FEWEST))
        return F.cross_entropy(logits, target, reduction=self.reduction)

    @abstractmethod
    def shifted(self, input: Tensor, target: Tensor, counts: Tensor) -> Tensor:
        """Logits [points, classes], from counts [classes] above zero."""


class LogitAdjustment(ShiftedCrossEntropy):
    """Cross-entropy of ``z + tau log n``. Menon et al. 2021; with tau = 1 the balanced softmax of Ren et al. 2020.

    Args:
        tau: how far; 1 makes the balanced error least.
        reduction: the mean over points, or the loss of each.
    """

    def __init__(self, tau: float = 1.0, reduction: Literal["mean", "none"] = "mean") -> None:
        super().__init__(reduction)
        self.tau = tau

    def shifted(self, input: Tensor, target: Tensor, counts: Tensor) -> Tensor:
        """[points, classes]."""
        return input + self.tau * counts.log()


class LDAM(ShiftedCrossEntropy):
    """Cross-entropy of ``scale`` times logits, the label's less a margin ``C / n^(1/4)``. Cao et al. 2019.

    Args:
        largest_margin: that of the rarest class, which C follows from.
        scale: 30 in its source, whose logits are cosines; 1 for logits of a linear layer.
        reduction: the mean over points, or the loss of each.
    """

    def __init__(
        self, largest_margin: float = 0.5, scale: float = 30.0, reduction: Literal["mean", "none"] = "mean"
    ) -> None:
        super().__init__(reduction)
        self.largest_margin, self.scale = largest_margin, scale

    def shifted(self, input: Tensor, target: Tensor, counts: Tensor) -> Tensor:
        """[points, classes]."""
        margins = self.largest_margin * (counts.min() / counts) ** 0.25
        is_label = target[:, None] == torch.arange(input.shape[-1], device=input.device)
        return self.scale * (input - margins * is_label)


class ClassBalanced(nn.Module):
    """A loss whose points are weighted by one over the effective number of their class. Cui et al. 2019.

    The effective number of n points is ``(1 - beta^n) / (1 - beta)``. Weights have a mean of 1 over training points, so
    that the loss stays as large as it is without them; in the source their mean is 1 over classes.

    Args:
        loss: gives the loss of each point, from logits and class indices; cross-entropy if None.
        beta: from 0, no weights, to near 1, one over the number of points.
        start: share of training done from which on points are weighted (deferred re-weighting, Cao et al. 2019: 0.8).
    """

    def __init__(self, loss: nn.Module | None = None, beta: float = 0.999, start: float = 0.0) -> None:
        super().__init__()
        if not 0 <= beta < 1:
            raise InputError(f"beta must lie from 0 to below 1, got {beta:g}. Usual are 0.9 to 0.9999.")
        self.loss = loss or nn.CrossEntropyLoss(reduction="none")
        self.beta, self.start = beta, start
        self.uses = frozenset({"class_counts", "progress"} if start else {"class_counts"})

    def forward(
        self, input: Tensor, target: Tensor, class_counts: Tensor, progress: Tensor | float | None = None
    ) -> Tensor:
        """A scalar.

        Args:
            input: logits [points, classes].
            target: class indices [points].
            class_counts: training points of each class, [classes].
            progress: share of training done, if points are not weighted from the start.
        """
        given = {"input": input, "target": target, "class_counts": class_counts}
        weights = self._weights(class_counts.to(input.dtype))
        if self.start:
            if progress is None:
                raise InputError(
                    f"points are weighted from a progress of {self.start:g} on: a progress was expected, got none. "
                    "Call loss(..., progress=step / steps)."
                )
            weights = weights.where(torch.as_tensor(progress, device=input.device) >= self.start, 1)
        value: Tensor = self.loss(**call_arguments(self.loss, given))
        return (weights.gather(0, target) * value).mean()

    def _weights(self, counts: Tensor) -> Tensor:
        """Of the classes, [classes]."""
        log_beta = math.log(self.beta) if self.beta else -math.inf
        weights = -1 / (log_beta * counts.clamp_min(_FEWEST)).expm1()
        return weights * counts.sum() / (weights * counts).sum()

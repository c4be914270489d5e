"""Ordinary losses that learned ones are measured against, where torch has none."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MeanAbsoluteProbability(nn.Module):
    """Mean absolute error between probabilities and the label (Ghosh, Kumar, Sastry 2017): ``2 (1 - p)``."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from logits [points, classes] and class indices [points]."""
        return 2 * (1 - _probability(input, target)).mean()


class GeneralizedCrossEntropy(nn.Module):
    """``(1 - p^q) / q``, between cross-entropy (q near 0) and the mean absolute error (q = 1). Zhang, Sabuncu 2018."""

    def __init__(self, q: float) -> None:
        super().__init__()
        self.q = q

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from logits [points, classes] and class indices [points]."""
        return ((1 - _probability(input, target).clamp_min(1e-7) ** self.q) / self.q).mean()


class SymmetricCrossEntropy(nn.Module):
    """``alpha`` times cross-entropy plus ``beta`` times its reverse, with log 0 as -4. Wang et al. 2019."""

    def __init__(self, alpha: float, beta: float) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from logits [points, classes] and class indices [points]."""
        reverse = 4 * (1 - _probability(input, target)).mean()
        return self.alpha * F.cross_entropy(input, target) + self.beta * reverse


class FocalLoss(nn.Module):
    """``-(1 - p)^gamma log p``: easy points count less. Lin et al. 2017."""

    def __init__(self, gamma: float) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from logits [points, classes] and class indices [points]."""
        hard = (1 - _probability(input, target)).clamp_min(1e-7) ** self.gamma
        return (hard * F.cross_entropy(input, target, reduction="none")).mean()


class LogCosh(nn.Module):
    """``log cosh`` of the error over a scale: a smooth Huber loss."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from two tensors of one shape."""
        ratio = (input - target) / self.scale
        return self.scale**2 * (ratio + F.softplus(-2 * ratio) - torch.log(torch.tensor(2.0))).mean()


class GeneralRobustLoss(nn.Module):
    """Barron's general loss (2019), ``alpha`` its shape: 0 is Cauchy's, -2 Geman and McClure's, 1 Charbonnier's."""

    def __init__(self, alpha: float, scale: float) -> None:
        super().__init__()
        self.alpha, self.scale = alpha, scale

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from two tensors of one shape."""
        square = ((input - target) / self.scale) ** 2
        if self.alpha == 0:
            return self.scale**2 * (square / 2).log1p().mean()
        distance = abs(self.alpha - 2)
        power = (square / distance + 1) ** (self.alpha / 2)
        return self.scale**2 * (distance / self.alpha * (power - 1)).mean()


def _probability(input: Tensor, target: Tensor) -> Tensor:
    """Probability of the target's class, [points]."""
    return input.softmax(-1).gather(-1, target[:, None]).squeeze(-1)

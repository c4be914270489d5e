"""Ordinary losses of numbers that torch has not; each is about half the squared error where errors are small."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional as F


class LogCosh(nn.Module):
    """``log cosh`` of the error over a scale: a smooth Huber loss."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from two tensors of one shape."""
        ratio = (input - target) / self.scale
        return self.scale**2 * (ratio + F.softplus(-2 * ratio) - math.log(2)).mean()


class GeneralRobustLoss(nn.Module):
    """Barron's general loss (2019).

    Args:
        alpha: its shape: 2 is half the squared error, 1 Charbonnier's, 0 Cauchy's, -2 Geman and McClure's, -inf
            Welsch's.
        scale: errors well below it count as squares.
    """

    def __init__(self, alpha: float, scale: float = 1.0) -> None:
        super().__init__()
        self.alpha, self.scale = alpha, scale

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from two tensors of one shape."""
        square = ((input - target) / self.scale) ** 2
        return self.scale**2 * self._of(square).mean()

    def _of(self, square: Tensor) -> Tensor:
        if self.alpha == 2:
            return square / 2
        if self.alpha == 0:
            return (square / 2).log1p()
        if self.alpha == -math.inf:
            return -(-square / 2).expm1()
        distance = abs(self.alpha - 2)
        power = (square / distance + 1) ** (self.alpha / 2)
        return distance / self.alpha * (power - 1)

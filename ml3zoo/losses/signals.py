"""Named signals: what a regression loss may look at, point by point.

Batch statistics are taken over all points of one call and are detached: they tell the loss where training stands
and carry no gradient of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ml3zoo.config import SignalConfig

SMALLEST = 1e-6
"""Relative errors below this count as zero, so that logarithms and ratios stay finite."""


@dataclass(frozen=True)
class RegressionBatch:
    """Predictions and targets of one call (any one shape) and the training progress in [0, 1]."""

    prediction: Tensor
    target: Tensor
    progress: Tensor
    given_scale: Tensor | None = None
    given_error: Tensor | None = None

    @cached_property
    def error(self) -> Tensor:
        """Prediction minus target."""
        return self.prediction - self.target

    @cached_property
    def target_scale(self) -> Tensor:
        """The batch's standard deviation of the target, 1 where the target is constant (a scalar)."""
        if self.given_scale is not None:
            return self.given_scale
        target = self.target.detach()
        spread = target.std(correction=0)
        return torch.where(spread > SMALLEST * target.abs().amax(), spread, torch.ones_like(spread))

    @cached_property
    def batch_error(self) -> Tensor:
        """The batch's root mean squared error (a scalar), at least ``SMALLEST`` target scales."""
        if self.given_error is not None:
            return self.given_error
        rms = self.error.detach().square().mean().sqrt()
        return torch.maximum(rms, SMALLEST * self.target_scale)

    @cached_property
    def remaining(self) -> Tensor:
        """Share of the training still to come, at least 0.01 (a scalar)."""
        return (1 - self.progress).clamp_min(0.01)

    def signal(self, config: SignalConfig) -> Tensor:
        """One signal with its transforms, shaped like the prediction."""
        value: Tensor = getattr(self, config.signal)
        for transform in config.transforms:
            value = _TRANSFORMS[transform](value, self)
        return value.expand_as(self.prediction)


_TRANSFORMS: dict[str, Callable[[Tensor, RegressionBatch], Tensor]] = {
    "per_target_scale": lambda value, batch: value / batch.target_scale,
    "per_batch_error": lambda value, batch: value / batch.batch_error,
    "log": lambda value, batch: value.log(),
    "detach": lambda value, batch: value.detach(),
}

"""Named signals: what a regression loss may look at, point by point.

Batch statistics are taken over all points of one call and are detached: they tell the loss where training stands
and carry no gradient of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ml3zoo.config import SignalConfig

SMALLEST = 1e-6
"""Relative errors below this count as zero, so that logarithms and ratios stay finite."""


class RegressionBatch(NamedTuple):
    """One call of a regression loss: tensors of one shape, and scalars that describe the batch as a whole.

    Attributes:
        prediction, target, error: any one shape; error is prediction minus target.
        progress: share of the training that is done, in [0, 1].
        remaining: share of the training still to come, at least 0.01.
        target_scale: standard deviation of the target, 1 where it is constant.
        batch_error: root mean squared error, at least ``SMALLEST`` target scales.
    """

    prediction: Tensor
    target: Tensor
    error: Tensor
    progress: Tensor
    remaining: Tensor
    target_scale: Tensor
    batch_error: Tensor

    def signal(self, config: SignalConfig) -> Tensor:
        """One signal with its transforms, shaped like the prediction."""
        value: Tensor = getattr(self, config.signal)
        for transform in config.transforms:
            value = _TRANSFORMS[transform](value, self)
        return value.expand_as(self.prediction)


def regression_batch(
    prediction: Tensor, target: Tensor, progress: Tensor, target_scale: Tensor | None, batch_error: Tensor | None
) -> RegressionBatch:
    """Describe one call; what is not given is measured."""
    error = prediction - target
    if target_scale is None:
        target_scale = measured_scale(target)
    if batch_error is None:
        batch_error = root_mean_square(error, target_scale).detach()
    remaining = (1 - progress).clamp_min(0.01)
    return RegressionBatch(prediction, target, error, progress, remaining, target_scale, batch_error)


def root_mean_square(error: Tensor, target_scale: Tensor) -> Tensor:
    """Root mean squared error (a scalar) with a gradient that is finite also at zero."""
    return torch.maximum(error.square().mean(), (SMALLEST * target_scale).square()).sqrt()


def measured_scale(target: Tensor) -> Tensor:
    """Standard deviation of the target (a scalar), 1 where it is constant."""
    target = target.detach()
    spread = target.std(correction=0)
    return torch.where(spread > SMALLEST * target.abs().amax(), spread, torch.ones_like(spread))


_TRANSFORMS: dict[str, Callable[[Tensor, RegressionBatch], Tensor]] = {
    "per_target_scale": lambda value, batch: value / batch.target_scale,
    "per_batch_error": lambda value, batch: value / batch.batch_error,
    "log": lambda value, batch: value.log(),
    "detach": lambda value, batch: value.detach(),
}

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
_SMALLEST_SHARE = 0.01


class BatchError(NamedTuple):
    """The error of a batch as a whole, two scalars.

    Attributes:
        size: root mean squared error, at least ``SMALLEST`` target scales.
        mean: mean of prediction minus target.
    """

    size: Tensor
    mean: Tensor


class RegressionBatch(NamedTuple):
    """One call of a regression loss: tensors of one shape, and scalars that describe the batch as a whole.

    Attributes:
        prediction, target, error: any one shape; error is prediction minus target.
        progress: share of the training that is done, in [0, 1].
        elapsed: the same, at least 0.01, so that it has a logarithm.
        remaining: share of the training still to come, at least 0.01.
        target_scale: standard deviation of the target, 1 where it is constant.
        batch_error, mean_error: size and mean of the error, see ``BatchError``.
    """

    prediction: Tensor
    target: Tensor
    error: Tensor
    progress: Tensor
    elapsed: Tensor
    remaining: Tensor
    target_scale: Tensor
    batch_error: Tensor
    mean_error: Tensor

    def signal(self, config: SignalConfig) -> Tensor:
        """One signal with its transforms, shaped like the prediction."""
        value: Tensor = getattr(self, config.signal)
        for transform in config.transforms:
            value = _TRANSFORMS[transform](value, self)
        return value.expand_as(self.prediction)


def regression_batch(
    prediction: Tensor, target: Tensor, progress: Tensor, target_scale: Tensor | None, batch_error: BatchError | None
) -> RegressionBatch:
    """Describe one call; what is not given is measured."""
    error = prediction - target
    if target_scale is None:
        target_scale = measured_scale(target)
    if batch_error is None:
        batch_error = measured_error(error.detach(), target_scale)
    elapsed, remaining = progress.clamp_min(_SMALLEST_SHARE), (1 - progress).clamp_min(_SMALLEST_SHARE)
    return RegressionBatch(prediction, target, error, progress, elapsed, remaining, target_scale, *batch_error)


def measured_error(error: Tensor, target_scale: Tensor) -> BatchError:
    """The batch's error with a gradient that is finite also at zero."""
    size = torch.maximum(error.square().mean(), (SMALLEST * target_scale).square()).sqrt()
    return BatchError(size, error.mean())


def measured_scale(target: Tensor) -> Tensor:
    """Standard deviation of the target (a scalar), 1 where it is constant."""
    target = target.detach()
    spread = target.std(correction=0)
    return torch.where(spread > SMALLEST * target.abs().amax(), spread, torch.ones_like(spread))


_TRANSFORMS: dict[str, Callable[[Tensor, RegressionBatch], Tensor]] = {
    "per_target_scale": lambda value, batch: value / batch.target_scale,
    "per_batch_error": lambda value, batch: value / batch.batch_error,
    "abs": lambda value, batch: value.abs(),
    "square": lambda value, batch: value.square(),
    "log": lambda value, batch: value.log(),
    "detach": lambda value, batch: value.detach(),
}

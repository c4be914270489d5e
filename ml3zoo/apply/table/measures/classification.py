"""Classification: how often the most likely class is wrong."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from ml3zoo.apply.figures import Array
from ml3zoo.apply.table.measures.base import Comparison, Measure, SelectionMetric
from ml3zoo.apply.table.targets import ClassTarget, Target
from ml3zoo.evaluate.baselines import CLASSIFICATION, LONG_TAIL, ROBUST_CLASSIFICATION


def _error_rate(output: Tensor, truth: Tensor) -> Tensor:
    """Share of rows whose most likely class is wrong, [networks]; NaN if the network diverged."""
    rate = (output.argmax(-1) != truth).double().mean(1)
    return torch.where(output.isfinite().all(-1).all(-1), rate, math.nan)


def _cross_entropy(output: Tensor, truth: Tensor) -> Tensor:
    """Mean over rows, [networks]."""
    log_probabilities = output.double().log_softmax(-1)
    return -log_probabilities.gather(-1, truth.expand(output.shape[:-1])[..., None]).squeeze(-1).mean(1)


def _balanced_error_rate(output: Tensor, truth: Tensor) -> Tensor:
    """Mean over the classes among the rows of the share that is wrong, [networks]; NaN if the network diverged."""
    members = nn.functional.one_hot(truth.expand(output.shape[:-1]), output.shape[-1]).double()
    wrong = (output.argmax(-1) != truth).double()
    counts = members.sum(1)
    rate = (members * wrong[..., None]).sum(1) / counts.clamp_min(1)
    mean = rate.sum(1) / (counts > 0).sum(1)
    return torch.where(output.isfinite().all(-1).all(-1), mean, math.nan)


def _then_cross_entropy(rate: Callable[[Tensor, Tensor], Tensor], label: str) -> SelectionMetric:
    """A rate of errors, which wrong rows hardly move; then cross-entropy, as few rows give many equal rates."""

    def values(output: Tensor, truth: Tensor) -> tuple[Array, ...]:
        both = (rate(output, truth), _cross_entropy(output, truth))
        return tuple(value.nan_to_num(math.inf, math.inf).numpy() for value in both)

    return SelectionMetric(f"validation {label}", values)


POINTS = " points"
"""Hundredths of a rate."""
_WITHOUT_INDEX = tuple(each for each in ROBUST_CLASSIFICATION if "index" not in each.name)
_METRICS = {
    "error_rate": "error rate",
    "balanced_error_rate": "balanced error rate",
    "accuracy": "accuracy",
    "cross_entropy": "cross-entropy",
}


class Classification(Measure):
    """Error rate, the same with every class counting alike, accuracy and cross-entropy."""

    target = ClassTarget
    comparisons: ClassVar = {
        "error_rate": Comparison(
            _then_cross_entropy(_error_rate, _METRICS["error_rate"]), (*CLASSIFICATION, *_WITHOUT_INDEX)
        ),
        "balanced_error_rate": Comparison(
            _then_cross_entropy(_balanced_error_rate, _METRICS["balanced_error_rate"]), LONG_TAIL
        ),
    }
    robust = "error_rate"
    metrics: ClassVar = _METRICS
    unit = POINTS

    def scores(self, output: Tensor, truth: Tensor, target: Target) -> dict[str, Array]:
        """Shares of rows, and nats."""
        wrong = _error_rate(output, truth).numpy()
        return {
            "error_rate": wrong,
            "balanced_error_rate": _balanced_error_rate(output, truth).numpy(),
            "accuracy": 1 - wrong,
            "cross_entropy": _cross_entropy(output, truth).numpy(),
        }

    def gap(self, ours: Array, theirs: Array) -> Array:
        """Difference of error rates: a hundredth is a point."""
        return ours - theirs


MEASURE = Classification()

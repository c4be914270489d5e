"""Classification: how often the most likely class is wrong."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from ml3zoo.apply.figures import Array
from ml3zoo.apply.table.measures.base import Comparison, Measure, SelectionMetric
from ml3zoo.apply.table.targets import ClassTarget, Target
from ml3zoo.evaluate import Baseline
from ml3zoo.losses.ordinary import GeneralizedCrossEntropy


def _error_rate(output: Tensor, truth: Tensor) -> Tensor:
    """Share of rows whose most likely class is wrong, [networks]; NaN if the network diverged."""
    rate = (output.argmax(-1) != truth).double().mean(1)
    return torch.where(output.isfinite().all(-1).all(-1), rate, math.nan)


def _cross_entropy(output: Tensor, truth: Tensor) -> Tensor:
    """Mean over rows, [networks]."""
    log_probabilities = output.double().log_softmax(-1)
    return -log_probabilities.gather(-1, truth.expand(output.shape[:-1])[..., None]).squeeze(-1).mean(1)


def _error_rate_then_cross_entropy(output: Tensor, truth: Tensor) -> tuple[Array, ...]:
    """Error rate, which wrong rows hardly move; then cross-entropy, as few rows give many equal rates."""
    values = (_error_rate(output, truth), _cross_entropy(output, truth))
    return tuple(value.nan_to_num(math.inf, math.inf).numpy() for value in values)


_CROSS_ENTROPY = Baseline("cross-entropy", nn.CrossEntropyLoss)
_SELECTION_METRIC = SelectionMetric("validation error rate", _error_rate_then_cross_entropy)
_HEADLINE = "error_rate"


class Classification(Measure):
    """Error rate, accuracy and cross-entropy."""

    target = ClassTarget
    usual = Comparison((_CROSS_ENTROPY,), _SELECTION_METRIC, _HEADLINE)
    robust = Comparison(
        (_CROSS_ENTROPY, Baseline("generalised cross-entropy (q = 0.7)", lambda: GeneralizedCrossEntropy(0.7))),
        _SELECTION_METRIC,
        _HEADLINE,
    )
    metrics: ClassVar = {_HEADLINE: "error rate", "accuracy": "accuracy", "cross_entropy": "cross-entropy"}
    unit = " points"

    def scores(self, output: Tensor, truth: Tensor, target: Target) -> dict[str, Array]:
        """Shares of rows, and nats."""
        wrong = _error_rate(output, truth).numpy()
        return {_HEADLINE: wrong, "accuracy": 1 - wrong, "cross_entropy": _cross_entropy(output, truth).numpy()}

    def gap(self, ours: Array, theirs: Array) -> Array:
        """Difference of error rates: a hundredth is a point."""
        return ours - theirs


MEASURE = Classification()

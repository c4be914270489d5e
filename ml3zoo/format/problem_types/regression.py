"""Regression: predictions and targets are numbers, point by point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ml3zoo.format.signals import SMALLEST, ProblemType, Signal, by_name
from ml3zoo.format.transforms import SignalValues

if TYPE_CHECKING:
    from torch import Tensor


_UNRESOLVED = 0.1 * SMALLEST
"""Below this share of the largest target the spread of targets is rounding."""
_FAR = 100
"""Errors of this many typical targets are as large as a loss can tell."""


def _target_scale(values: SignalValues) -> Tensor:
    """1 where targets are constant; it goes over into their spread where that is more than rounding."""
    target = values["target"].detach()
    spread, largest = values.spread(target), values.largest(target.abs())
    resolved = spread.maximum(_UNRESOLVED * largest).where(largest > 0, 1)
    constancy = (SMALLEST * largest / resolved).log() / math.log(SMALLEST / _UNRESOLVED)
    return resolved.where(constancy <= 0, resolved ** (1 - constancy.clamp(0, 1)))


def _batch_error(values: SignalValues) -> Tensor:
    """At least ``SMALLEST`` target scales, also where squares are too small to be numbers."""
    smallest = SMALLEST * values["target_scale"]
    return values.mean(values["error"].square()).maximum(smallest.square()).sqrt().maximum(smallest)


def _typical_target(values: SignalValues) -> Tensor:
    """Where more than half of the targets are nearly equal, errors say what is small."""
    target = values["target"].detach()
    spread = 1.4826 * values.median((target - values.median(target)).abs())
    smallest = (values["median_size"] / _FAR).maximum(SMALLEST * values["target_scale"])
    return spread.maximum(smallest)


def _typical_error(values: SignalValues) -> Tensor:
    """Softened, so that a good fit cannot shrink it to nothing."""
    softening = 0.1 * values["typical_target"]
    return (values["median_size"].square() + softening.square()).sqrt().maximum(0.9 * softening)


def _asymmetry(values: SignalValues) -> Tensor:
    """Errors of three typical ones count half as large."""
    square = (values["error"] / values["typical_error"]).square()
    large = square / (square + 9)
    return values.sum(values["error"].sign() * large) / (values.sum(large) + 3)


PROBLEM_TYPE = ProblemType(
    name="regression",
    signals=by_name(
        Signal("feature", "point", "what the loss is given with each point", argument="feature"),
        Signal("prediction", "point", "what the model says"),
        Signal("target", "point", "what it should say"),
        Signal("error", "point", "prediction minus target", lambda values: values["prediction"] - values["target"]),
        Signal(
            "squared_error",
            "point",
            "the square of `error`",
            lambda values: values["error"].square(),
            formula="error^2",
        ),
        Signal("target_scale", "batch", "the standard deviation of the targets", _target_scale, unit=True),
        Signal("batch_error", "batch", "the root mean square of `error`", _batch_error, unit=True),
        Signal(
            "median_size",
            "batch",
            "the median size of `error`",
            lambda values: values.median(values["error"].abs()),
            intermediate=True,
        ),
        Signal(
            "typical_target",
            "batch",
            "the standard deviation that normal targets of the same median distance from their median would have, at "
            "least a hundredth of the median size of `error`",
            _typical_target,
            unit=True,
        ),
        Signal(
            "tolerance",
            "batch",
            "three tenths of `typical_target`: an error below it is small whatever the others are",
            lambda values: 0.3 * values["typical_target"],
            unit=True,
        ),
        Signal(
            "typical_error",
            "batch",
            "the median size of `error`, softened by a tenth of `typical_target`",
            _typical_error,
            unit=True,
        ),
        Signal("mean_error", "batch", "the mean of `error`", lambda values: values.mean(values["error"])),
        Signal("median_error", "batch", "the median of `error`", lambda values: values.median(values["error"])),
        Signal(
            "sign_imbalance",
            "batch",
            "the number of points times the square of the mean sign of `error`: 1 if signs are due to chance, more "
            "after steps that are too large",
            lambda values: values.count(values["error"]) * values.mean(values["error"].sign()).square(),
        ),
        Signal("asymmetry", "batch", "how far large errors lie to one side, from -1 to 1", _asymmetry),
    ),
    ordinary="squared_error",
    functional="mse_loss",
    task="tabular-regression",
    sample_call={
        "prediction": "torch.zeros(100, 1, requires_grad=True)  # your model(x)",
        "target": "torch.randn(100, 1)  # your y",
        "feature": "torch.randn(100, 1)  # what it is, its card tells",
    },
)

"""Regression: predictions and targets are numbers, point by point."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml3zoo.format.signals import SMALLEST, ProblemType, Signal, by_name
from ml3zoo.format.transforms import SignalValues

if TYPE_CHECKING:
    from torch import Tensor


def _target_scale(values: SignalValues) -> Tensor:
    """1 where the target is constant."""
    target = values["target"].detach()
    spread = target.std(correction=0)
    return spread.where(spread > SMALLEST * target.abs().amax(), spread.new_ones(()))


def _batch_error(values: SignalValues) -> Tensor:
    """At least ``SMALLEST`` target scales; its gradient is finite also at zero."""
    return values["error"].square().mean().maximum((SMALLEST * values["target_scale"]).square()).sqrt()


def _typical_target(values: SignalValues) -> Tensor:
    """The target scale where more than half of the targets are equal."""
    target = values["target"].detach().flatten()
    spread = 1.4826 * (target - target.median()).abs().median()
    return spread.where(spread > SMALLEST * values["target_scale"], values["target_scale"])


def _typical_error(values: SignalValues) -> Tensor:
    """Softened, so that a good fit cannot shrink it to nothing."""
    return (values["error"].abs().flatten().median().square() + (0.1 * values["typical_target"]).square()).sqrt()


def _asymmetry(values: SignalValues) -> Tensor:
    """Errors of three typical ones count half as large."""
    square = (values["error"] / values["typical_error"]).square()
    large = square / (square + 9)
    return (values["error"].sign() * large).sum() / (large.sum() + 3)


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
            "typical_target",
            "batch",
            "the standard deviation that normal targets of the same median distance from their median would have",
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
        Signal("mean_error", "batch", "the mean of `error`", lambda values: values["error"].mean()),
        Signal("median_error", "batch", "the median of `error`", lambda values: values["error"].flatten().median()),
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

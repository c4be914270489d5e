"""Regression: predictions and targets are numbers, point by point."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.signals.base import SMALLEST, LossInputs, ProblemType


def _error(inputs: LossInputs) -> Tensor:
    return inputs["prediction"] - inputs["target"]


def _target_scale(inputs: LossInputs) -> Tensor:
    """Standard deviation of the target, 1 where it is constant."""
    target = inputs["target"].detach()
    spread = target.std(correction=0)
    return torch.where(spread > SMALLEST * target.abs().amax(), spread, torch.ones_like(spread))


def _batch_error(inputs: LossInputs) -> Tensor:
    """Root mean squared error, at least ``SMALLEST`` target scales; its gradient is finite also at zero."""
    return torch.maximum(inputs["error"].square().mean(), (SMALLEST * inputs["target_scale"]).square()).sqrt()


def _typical_target(inputs: LossInputs) -> Tensor:
    """Standard deviation that normal targets of the same median distance from their median would have."""
    target = inputs["target"].detach().flatten()
    spread = 1.4826 * (target - target.median()).abs().median()
    return torch.where(spread > SMALLEST * inputs["target_scale"], spread, inputs["target_scale"])


def _tolerance(inputs: LossInputs) -> Tensor:
    """Three tenths of the typical target: an error below it is small whatever the others are."""
    return 0.3 * inputs["typical_target"]


def _typical_error(inputs: LossInputs) -> Tensor:
    """Median of the absolute error, softened by a tenth of the typical target so that a good fit cannot shrink it."""
    return (inputs["error"].abs().flatten().median().square() + (0.1 * inputs["typical_target"]).square()).sqrt()


def _asymmetry(inputs: LossInputs) -> Tensor:
    """How much more there is of large errors above than below, from -1 to 1."""
    square = (inputs["error"] / inputs["typical_error"]).square()
    large = square / (square + 9)
    return (inputs["error"].sign() * large).sum() / (large.sum() + 3)


class Regression(ProblemType):
    """Regression losses: called like ``torch.nn.functional.mse_loss``."""

    signals: ClassVar = {"error": _error, "squared_error": lambda inputs: inputs["error"].square()}
    statistics: ClassVar = {
        "target_scale": _target_scale,
        "batch_error": _batch_error,
        "typical_target": _typical_target,
        "tolerance": _tolerance,
        "typical_error": _typical_error,
        "mean_error": lambda inputs: inputs["error"].mean(),
        "median_error": lambda inputs: inputs["error"].flatten().median(),
        "asymmetry": _asymmetry,
    }
    ordinary = "squared_error"
    functional = "mse_loss"
    task = "tabular-regression"

    def check(self, input: Tensor, target: Tensor) -> None:
        """Shapes are equal."""
        if input.shape != target.shape:
            raise InputError(
                f"input has shape {tuple(input.shape)} and target {tuple(target.shape)}: they must be equal, "
                "nothing is broadcast. Reshape one, for example target.view_as(input)."
            )

    def points(self, input: Tensor) -> torch.Size:
        """Every prediction is a point."""
        return input.shape

    def given(self, input: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Prediction and target."""
        return {"prediction": input.to(dtype), "target": target.to(dtype)}

    def example(self, generator: torch.Generator, n: int, size: float) -> tuple[Tensor, Tensor]:
        """Targets of scale 1 and errors of scale ``size``."""
        target, error = torch.randn(2, n, generator=generator, dtype=torch.float64)
        return target + size * error, target

    def workload(self, generator: torch.Generator, elements: int) -> tuple[Tensor, Tensor]:
        """Predictions as wrong as the targets are large."""
        prediction, target = torch.randn(2, elements, generator=generator)
        return prediction, target

    def glossary(self, formula: str, *, feature: bool) -> str:
        """Errors and what is typical of them."""
        told = (
            "`error` is prediction minus target, `mean_error` and `batch_error` its mean and root mean square over the "
            "batch (constants to the gradient), `target_scale` the standard deviation of the targets,"
        )
        if "typical" in formula or "tolerance" in formula:
            told += (
                " `typical_target` the same as normal targets with their median distance from the median would have "
                "it, `tolerance` three tenths of that, `typical_error` the median size of the error, softened by a "
                "tenth of that, `asymmetry` how far large errors lie to one side (-1 to 1), `squash(u)` is "
                "u / √(1 + u²),"
            )
        return f"{told} `feature` is what the loss is given with each point," if feature else told


PROBLEM_TYPE = Regression()

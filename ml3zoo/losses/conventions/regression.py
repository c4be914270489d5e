"""Regression losses are called like ``torch.nn.functional.mse_loss``."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.call import Call
from ml3zoo.losses.conventions.base import CallConvention

_LARGE, _SMALL = 10.0, 0.01
"""Standardised targets are not that large in the median, nor all that small."""


class RegressionCalls(CallConvention):
    """Predictions and targets of one shape, any shape."""

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

    def doubt(self, call: Call) -> str:
        """Targets far from those of mean 0 and standard deviation 1."""
        target = call.known["target"].detach()
        counting = target[target.isfinite() if call.weights is None else target.isfinite() & (call.weights > 0)].abs()
        if not len(counting):
            return ""
        usual, largest = float(counting.median()), float(counting.max())
        if usual <= _LARGE and (largest >= _SMALL or largest == 0 or len(counting) == 1):
            return ""
        return (
            "was made for targets of mean 0 and standard deviation 1; those of the first call are "
            f"{usual:.3g} in size (median). Standardise them, or training may diverge or stand still: "
            "mean, std = y_train.mean(), y_train.std(); loss(model(x), (y - mean) / std); then predict "
            "model(x) * std + mean."
        )

    def example(self, generator: torch.Generator, n: int, size: float) -> tuple[Tensor, Tensor]:
        """Targets of scale 1 and errors of scale ``size``."""
        target, error = torch.randn(2, n, generator=generator, dtype=torch.float64)
        return target + size * error, target

    def workload(self, generator: torch.Generator, elements: int) -> tuple[Tensor, Tensor]:
        """Predictions as wrong as the targets are large."""
        prediction, target = torch.randn(2, elements, generator=generator)
        return prediction, target


CONVENTION = RegressionCalls()

"""Regression losses are called like ``torch.nn.functional.mse_loss``."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.conventions.base import CallConvention


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

    def example(self, generator: torch.Generator, n: int, size: float) -> tuple[Tensor, Tensor]:
        """Targets of scale 1 and errors of scale ``size``."""
        target, error = torch.randn(2, n, generator=generator, dtype=torch.float64)
        return target + size * error, target

    def workload(self, generator: torch.Generator, elements: int) -> tuple[Tensor, Tensor]:
        """Predictions as wrong as the targets are large."""
        prediction, target = torch.randn(2, elements, generator=generator)
        return prediction, target


CONVENTION = RegressionCalls()

"""What families of regression tasks with noisy training targets share."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.func import functional_call

from ml3zoo.tasks.base import TaskFamily, Tensors


class Regression(TaskFamily):
    """A network that predicts a number.

    A task's data: ``x`` [points, features] and ``y`` [points, 1] to train on, ``x_valid`` and ``y_valid`` with noise
    too, ``x_test`` and ``y_test`` without.
    """

    rows: ClassVar[tuple[str, ...]] = ("x", "y")
    """What a minibatch takes rows of."""
    network: nn.Module
    """In training mode."""
    evaluated: nn.Module
    """In evaluation mode: it differs in batch normalisation."""

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Predictions and noisy targets, [points, 1]."""
        return {"input": functional_call(self.network, params, (data["x"],)), "target": data["y"]}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """Mean squared error on clean targets over their variance."""
        prediction: Tensor = functional_call(self.evaluated, params, (data["x_test"],))
        return (prediction - data["y_test"]).square().mean() / data["y_test"].var()

    def selection_metric(self, params: Tensors, data: Tensors) -> Tensor:
        """Mean absolute error on noisy validation targets."""
        prediction: Tensor = functional_call(self.evaluated, params, (data["x_valid"],))
        return (prediction - data["y_valid"]).abs().mean()

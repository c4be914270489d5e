"""What families of classification tasks with wrong training labels share."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn
from torch.func import functional_call

from ml3zoo.tasks.base import TaskFamily, Tensors
from ml3zoo.tasks.misclassification import error_rate, smooth_error_rate


class Classification(TaskFamily):
    """A network that tells classes apart.

    A task's data: ``x`` [points, features] and ``labels`` [points] to train on, ``x_valid`` and ``labels_valid`` with
    wrong labels too, ``x_test`` and ``labels_test`` with true ones.
    """

    rows: ClassVar[tuple[str, ...]] = ("x", "labels")
    """What a minibatch takes rows of."""
    network: nn.Module
    """In training mode."""
    evaluated: nn.Module
    """In evaluation mode: it differs in batch normalisation."""

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Logits [points, classes], labels [points], wrong ones among them, and in minibatches ``index`` [points]."""
        index = {"index": data["index"]} if "index" in data else {}
        return {"input": functional_call(self.network, params, (data["x"],)), "target": data["labels"], **index}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """Smooth error rate on true labels."""
        return smooth_error_rate(functional_call(self.evaluated, params, (data["x_test"],)), data["labels_test"])

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """Error rate on true labels."""
        return error_rate(functional_call(self.evaluated, params, (data["x_test"],)), data["labels_test"])

    def selection_metric(self, params: Tensors, data: Tensors) -> Tensor:
        """Error rate on validation labels, wrong ones among them."""
        return error_rate(functional_call(self.evaluated, params, (data["x_valid"],)), data["labels_valid"])

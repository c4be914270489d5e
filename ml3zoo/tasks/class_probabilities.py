"""Classification of real tables where the predicted probabilities count, not the likeliest class alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.func import functional_call

from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.table_classification import TableClassification


class ClassProbabilities(TableClassification):
    """Rows of a real table; objective, metric and selection metric are the Brier score."""

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """On true labels."""
        return brier_score(functional_call(self.evaluated, params, (data["x_test"],)), data["labels_test"])

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """The same."""
        return self.objective(params, data)

    def selection_metric(self, params: Tensors, data: Tensors) -> Tensor:
        """On validation labels."""
        return brier_score(functional_call(self.evaluated, params, (data["x_valid"],)), data["labels_valid"])


def brier_score(logits: Tensor, labels: Tensor) -> Tensor:
    """Half the mean squared distance of the predicted probabilities from the label's: from 0 to 1; NaN if it diverged.

    Only the true probabilities reach the smallest expected score: it counts accuracy and calibration at once.

    Args:
        logits: [points, classes].
        labels: [points].

    Source: Brier, *Verification of Forecasts Expressed in Terms of Probability*, Monthly Weather Review 1950.
    """
    wanted = torch.nn.functional.one_hot(labels, logits.shape[-1])
    score = (logits.softmax(-1) - wanted).square().sum(-1).mean() / 2
    return torch.where(logits.isfinite().all(), score, torch.nan)

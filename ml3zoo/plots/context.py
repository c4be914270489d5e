"""The batch statistics that a picture assumes."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.inputs import LossInputs, of_one_point


def context_of(loss: LearnedLoss, **known: float | Tensor) -> dict[str, Tensor]:
    """The batch statistics that a loss looks at: those given, and those that follow from them."""
    values = {name: torch.as_tensor(value) for name, value in known.items()}
    inputs = LossInputs(loss.problem_type, values, of_one_point())
    return {name: inputs[name] for name in loss.statistics}


def errors_of(loss: LearnedLoss, batch_error: float, typical_error: float, asymmetry: float = 0.0) -> dict[str, Tensor]:
    """The same for a regression: targets have scale 1, errors mean and median 0, and their signs are by chance."""
    return context_of(
        loss,
        target_scale=1.0,
        typical_target=1.0,
        batch_error=batch_error,
        typical_error=typical_error,
        mean_error=0.0,
        median_error=0.0,
        sign_imbalance=1.0,
        asymmetry=asymmetry,
    )

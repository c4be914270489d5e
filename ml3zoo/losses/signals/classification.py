"""Classification: predictions are logits, targets class indices or probabilities of classes."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.signals.base import SMALLEST, LossInputs, ProblemType

_CLASSES_OF_EXAMPLES = 5
_CLASSES_OF_WORKLOADS = 10


def _log_probabilities(inputs: LossInputs) -> Tensor:
    return inputs["logits"].log_softmax(-1)


def _target_log_probability(inputs: LossInputs) -> Tensor:
    """Log probability of the target, over soft targets its mean: the negative cross-entropy."""
    target, log_probabilities = inputs["target"], inputs["log_probabilities"]
    if target.is_floating_point():
        return (target * log_probabilities).sum(-1)
    try:
        return log_probabilities.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    except RuntimeError as error:
        if "out of bounds" not in str(error):
            raise
        classes = log_probabilities.shape[-1]
        raise InputError(
            f"a target is none of the classes 0 to {classes - 1} that input has logits for ({error}). Count classes "
            "from 0, or give the model more outputs."
        ) from error


def _probability(inputs: LossInputs) -> Tensor:
    """Probability of the target, over soft targets its mean."""
    target = inputs["target"]
    if target.is_floating_point():
        return (target * inputs["log_probabilities"].exp()).sum(-1)
    return inputs["target_log_probability"].exp()


def _target_certainty(inputs: LossInputs) -> Tensor:
    """How far a target is from uniform: 1 for a class, 0 for a point without a label."""
    target = inputs["target"]
    if target.is_floating_point():
        classes = target.shape[-1]
        return (target.amax(-1) * classes - 1) / (classes - 1)
    return inputs["logits"].new_ones(inputs.points)


def _entropy(inputs: LossInputs) -> Tensor:
    log_probabilities = inputs["log_probabilities"]
    return -(log_probabilities * log_probabilities.exp()).sum(-1)


def _class_shares(inputs: LossInputs) -> Tensor:
    """Mean predicted probability of each class, [classes]."""
    return inputs["log_probabilities"].exp().flatten(0, -2).mean(0)


def _crowding(inputs: LossInputs) -> Tensor:
    """Mean log of the batch's share of each class, weighted by this point's prediction; 0 if all shares are alike.

    Its gradient, shares being constants, is that of the negative entropy of the batch's mean prediction.
    """
    log_shares = inputs["class_shares"].clamp_min(SMALLEST).log() + math.log(inputs["logits"].shape[-1])
    return (inputs["log_probabilities"].exp() * log_shares).sum(-1)


def _classes(inputs: LossInputs) -> Tensor:
    return torch.full_like(inputs["logits"].detach().flatten()[0], inputs["logits"].shape[-1])


def _balance(inputs: LossInputs) -> Tensor:
    """Entropy of the mean prediction over that of the uniform one: 1 if all classes are predicted alike."""
    mean = inputs["class_shares"]
    return -(mean * mean.clamp_min(SMALLEST).log()).sum(-1) / math.log(mean.shape[-1])


def _agreement(inputs: LossInputs) -> Tensor:
    """Share of points whose most likely class is the target's."""
    return (inputs["probability"] >= inputs["confidence"] - SMALLEST).to(inputs["logits"].dtype).mean()


class Classification(ProblemType):
    """Classification losses: called like ``torch.nn.functional.cross_entropy``."""

    signals: ClassVar = {
        "log_probabilities": _log_probabilities,
        "target_log_probability": _target_log_probability,
        "cross_entropy": lambda inputs: -inputs["target_log_probability"],
        "labelled_cross_entropy": lambda inputs: inputs["target_certainty"] * inputs["cross_entropy"],
        "self_cross_entropy": lambda inputs: -inputs["log_probabilities"].amax(-1),
        "uniform_cross_entropy": lambda inputs: -inputs["log_probabilities"].mean(-1),
        "probability": _probability,
        "confidence": lambda inputs: inputs["log_probabilities"].amax(-1).exp(),
        "entropy": _entropy,
        "crowding": _crowding,
        "target_certainty": _target_certainty,
    }
    statistics: ClassVar = {
        "mean_probability": lambda inputs: inputs["probability"].mean(),
        "mean_confidence": lambda inputs: inputs["confidence"].mean(),
        "mean_certainty": lambda inputs: inputs["target_certainty"].mean(),
        "agreement": _agreement,
        "class_shares": _class_shares,
        "balance": _balance,
        "classes": _classes,
    }
    rests_on: ClassVar = {"crowding": "class_shares"}
    ordinary = "cross_entropy"
    functional = "cross_entropy"
    task = "tabular-classification"

    def check(self, input: Tensor, target: Tensor) -> None:
        """Logits of at least two classes, and a class or probabilities for each point."""
        if input.dim() == 0 or input.shape[self._axis(input)] < 2:
            raise InputError(
                f"input has shape {tuple(input.shape)}: logits [points, classes, ...] of at least 2 classes were "
                "expected. For a single logit z of a binary problem, give torch.stack([torch.zeros_like(z), z], 1)."
            )
        if target.is_floating_point() and target.shape == input.shape:
            return
        if target.is_floating_point() or target.dtype == torch.bool or target.shape != self.points(input):
            raise InputError(
                f"target has shape {tuple(target.shape)} and type {target.dtype}: for input of shape "
                f"{tuple(input.shape)} class indices (int64) of shape {tuple(self.points(input))}, or probabilities of "
                f"shape {tuple(input.shape)}, were expected."
            )

    def points(self, input: Tensor) -> torch.Size:
        """All axes but that of the classes."""
        axis = self._axis(input)
        return input.shape[:axis] + input.shape[axis + 1 :]

    def given(self, input: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Logits, their classes last, and targets: indices, or probabilities with their classes last."""
        axis = self._axis(input)
        soft = target.is_floating_point()
        return {
            "logits": input.to(dtype).movedim(axis, -1),
            "target": target.to(dtype).movedim(axis, -1) if soft else target.long(),
        }

    def example(self, generator: torch.Generator, n: int, size: float) -> tuple[Tensor, Tensor]:
        """Logits of scale ``size`` for five classes; every second target is certain, the others are soft."""
        logits, soft = torch.randn(2, n, _CLASSES_OF_EXAMPLES, generator=generator, dtype=torch.float64)
        target = soft.softmax(-1)
        target[::2] = torch.nn.functional.one_hot(soft[::2].argmax(-1), _CLASSES_OF_EXAMPLES).double()
        return size * logits, target

    def workload(self, generator: torch.Generator, elements: int) -> tuple[Tensor, Tensor]:
        """Logits of ten classes and class indices."""
        points = math.ceil(elements / _CLASSES_OF_WORKLOADS)
        logits = torch.randn(points, _CLASSES_OF_WORKLOADS, generator=generator)
        return logits, torch.randint(_CLASSES_OF_WORKLOADS, (points,), generator=generator)

    def glossary(self, formula: str, *, feature: bool) -> str:
        """Probabilities and what is typical of them."""
        return (
            "`probability` is what the model gives the label and `confidence` what it gives its likeliest class, "
            "`self_cross_entropy` the cross-entropy to that class and `uniform_cross_entropy` to all alike; "
            "`mean_probability` and `agreement` (share of points whose likeliest class is the label) are of the batch, "
            "constants to the gradient; `classes` is their number,"
        )

    @staticmethod
    def _axis(input: Tensor) -> int:
        """That of the classes, as in torch: the second, or the only one."""
        return 0 if input.dim() == 1 else 1


PROBLEM_TYPE = Classification()

"""Classification: predictions are logits, targets class indices or probabilities of classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ml3zoo.errors import InputError
from ml3zoo.format.signals import SMALLEST, ProblemType, Signal, by_name
from ml3zoo.format.transforms import SignalValues

if TYPE_CHECKING:
    from torch import Tensor

_LOWEST = -1e4
"""Log probabilities below this count as this, so that a logit of -inf leaves the others finite."""

_SURE = 0.6
"""A model that gives a class more than this is sure of it."""


_FEWEST = 0.5
"""A class without a training point counts as having so many."""


def _of_target(values: SignalValues, of_classes: Tensor) -> Tensor:
    """Of numbers for each class those of the label, over several labels their mean."""
    target = values["target"]
    if target.is_floating_point():
        return (target * of_classes).sum(-1)
    try:
        return of_classes.gather(-1, target.unsqueeze(-1)).squeeze(-1)
    except RuntimeError as error:
        if "out of bounds" not in str(error):
            raise
        classes = of_classes.shape[-1]
        raise InputError(
            f"a target is none of the classes 0 to {classes - 1} that input has logits for ({error}). Count classes "
            "from 0, or give the model more outputs."
        ) from error


def _probability(values: SignalValues) -> Tensor:
    target = values["target"]
    if target.is_floating_point():
        return (target * values["log_probabilities"].exp()).sum(-1)
    return values["target_log_probability"].exp()


def _target_certainty(values: SignalValues) -> Tensor:
    target, logits = values["target"], values["logits"]
    if target.is_floating_point():
        classes = target.shape[-1]
        return (target.amax(-1) * classes - 1) / (classes - 1)
    return logits.new_ones(logits.shape[:-1])


def _log_training_shares(values: SignalValues) -> Tensor:
    counts = values["class_counts"].clamp_min(_FEWEST)
    return (counts / counts.mean()).log()


def _adjusted_cross_entropy(values: SignalValues) -> Tensor:
    adjusted = (values["logits"] + values["log_training_shares"]).log_softmax(-1)
    return -_of_target(values, adjusted.clamp_min(_LOWEST))


def _entropy(values: SignalValues) -> Tensor:
    log_probabilities = values["log_probabilities"]
    return -(log_probabilities * log_probabilities.exp()).sum(-1)


def _crowding(values: SignalValues) -> Tensor:
    """Its gradient, shares being constants, is that of the negative entropy of the batch's mean prediction."""
    log_shares = values["class_shares"].clamp_min(SMALLEST).log() + math.log(values["logits"].shape[-1])
    return (values["log_probabilities"].exp() * log_shares).sum(-1)


def _agreement(values: SignalValues) -> Tensor:
    return values.mean((values["probability"] >= values["confidence"] - SMALLEST).to(values["logits"].dtype))


def _contradiction(values: SignalValues) -> Tensor:
    sure = values["confidence"] > _SURE
    return values.mean((sure & (values["probability"] < values["confidence"] - SMALLEST)).to(values["logits"].dtype))


def _evenness(shares: Tensor) -> Tensor:
    """The entropy of shares over that of equal ones."""
    return -(shares * shares.clamp_min(SMALLEST).log()).sum(-1) / math.log(shares.shape[-1])


def _label_shares(values: SignalValues) -> Tensor:
    target, logits = values["target"], values["logits"]
    if not target.is_floating_point():
        target = logits.new_zeros(logits.shape).scatter(-1, target.unsqueeze(-1), 1.0)
    return values.mean(target)


PROBLEM_TYPE = ProblemType(
    name="classification",
    signals=by_name(
        Signal("logits", "point", "what the model says, a number for each class", intermediate=True),
        Signal("target", "point", "the label, or a probability for each class", intermediate=True),
        Signal(
            "log_probabilities",
            "point",
            "the logarithm of the probability of each class",
            lambda values: values["logits"].log_softmax(-1).clamp_min(_LOWEST),
            intermediate=True,
        ),
        Signal(
            "target_log_probability",
            "point",
            "the logarithm of the label's probability, over several labels its mean",
            lambda values: _of_target(values, values["log_probabilities"]),
            intermediate=True,
        ),
        Signal(
            "cross_entropy",
            "point",
            "the cross-entropy of prediction and label",
            lambda values: -values["target_log_probability"],
        ),
        Signal(
            "labelled_cross_entropy",
            "point",
            "`cross_entropy` times `target_certainty`",
            lambda values: values["target_certainty"] * values["cross_entropy"],
        ),
        Signal(
            "self_cross_entropy",
            "point",
            "the cross-entropy to the model's likeliest class",
            lambda values: -values["log_probabilities"].amax(-1),
        ),
        Signal(
            "uniform_cross_entropy",
            "point",
            "the cross-entropy to all classes alike",
            lambda values: -values["log_probabilities"].mean(-1),
        ),
        Signal(
            "adjusted_cross_entropy",
            "point",
            "the cross-entropy after the logarithm of each class's share of the training points was added to its logit",
            _adjusted_cross_entropy,
            argument="class_counts",
        ),
        Signal("probability", "point", "what the model gives the label", _probability),
        Signal("improbability", "point", "one minus `probability`", lambda values: 1 - values["probability"]),
        Signal(
            "confidence",
            "point",
            "what the model gives its likeliest class",
            lambda values: values["log_probabilities"].amax(-1).exp(),
        ),
        Signal("entropy", "point", "the entropy of the prediction", _entropy),
        Signal(
            "crowding",
            "point",
            "the mean logarithm of the batch's share of each class over an equal share, weighted by the prediction",
            _crowding,
            rests_on="class_shares",
        ),
        Signal(
            "target_certainty",
            "point",
            "how far a target is from uniform: 1 for a label, 0 for a point without one",
            _target_certainty,
        ),
        Signal(
            "log_class_share",
            "point",
            "the logarithm of the share of training points that are of the label's class, over an equal share",
            lambda values: _of_target(values, values["log_training_shares"].expand_as(values["logits"])),
            argument="class_counts",
        ),
        Signal(
            "mean_probability", "batch", "the mean of `probability`", lambda values: values.mean(values["probability"])
        ),
        Signal(
            "mean_confidence", "batch", "the mean of `confidence`", lambda values: values.mean(values["confidence"])
        ),
        Signal(
            "mean_certainty",
            "batch",
            "the mean of `target_certainty`",
            lambda values: values.mean(values["target_certainty"]),
        ),
        Signal("agreement", "batch", "the share of points whose likeliest class is the label", _agreement),
        Signal(
            "contradiction",
            "batch",
            "the share of points that the model gives another class than the label with a `confidence` above 0.6",
            _contradiction,
        ),
        Signal(
            "class_shares",
            "batch",
            "the mean probability of each class",
            lambda values: values.mean(values["log_probabilities"].exp()),
            intermediate=True,
        ),
        Signal(
            "balance",
            "batch",
            "how evenly the classes are predicted: 1 if all alike, 0 if only one is",
            lambda values: _evenness(values["class_shares"]),
        ),
        Signal(
            "label_balance",
            "batch",
            "how evenly the labels fall on the classes: 1 if on all alike, 0 if only on one",
            lambda values: _evenness(_label_shares(values)),
        ),
        Signal(
            "classes",
            "batch",
            "the number of classes",
            lambda values: values["logits"].new_full((), values["logits"].shape[-1]),
            steady=True,
        ),
        Signal("class_counts", "training", "how many training points each class has", intermediate=True),
        Signal(
            "log_training_shares",
            "training",
            "the logarithm of each class's share of the training points, over an equal share",
            _log_training_shares,
            intermediate=True,
        ),
    ),
    ordinary="cross_entropy",
    functional="cross_entropy",
    task="tabular-classification",
    sample_call={
        "prediction": "torch.zeros(100, 2, requires_grad=True)  # your model(x), a logit for each class",
        "target": "torch.randint(2, (100,))  # your y, the classes",
    },
)

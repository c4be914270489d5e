"""The ordinary losses that recipes share, each with the hyper-parameters of its source and a few more.

Of the entries with one name, the one that does best on validation tasks is measured. The first is the ordinary loss
of its problem type, whose learning rate others are swapped in at.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from torch import nn

from ml3zoo.evaluate.protocol import Baseline
from ml3zoo.losses.ordinary import (
    LDAM,
    ActivePassive,
    AsymmetricGeneralizedCrossEntropy,
    BiTempered,
    ClassBalanced,
    EarlyLearningRegularization,
    FocalLoss,
    GeneralizedCrossEntropy,
    GeneralRobustLoss,
    LogCosh,
    LogitAdjustment,
    MeanAbsoluteProbability,
    PartiallyHuberisedCrossEntropy,
    ReverseCrossEntropy,
    SymmetricCrossEntropy,
)


def _with_reverse(alpha: float, beta: float) -> ActivePassive:
    return ActivePassive(ReverseCrossEntropy(), alpha, beta)


def _with_asymmetric(alpha: float, beta: float, a: float, q: float) -> ActivePassive:
    return ActivePassive(AsymmetricGeneralizedCrossEntropy(a, q), alpha, beta)


def _smoothing(*epsilons: float) -> Iterator[Baseline]:
    for epsilon in epsilons:
        yield Baseline("label smoothing", partial(nn.CrossEntropyLoss, label_smoothing=epsilon), f"ε = {epsilon}")


def _focal(*gammas: float) -> Iterator[Baseline]:
    for gamma in gammas:
        yield Baseline("focal", partial(FocalLoss, gamma), f"γ = {gamma}")


def _balanced_focal(gamma: float, beta: float) -> ClassBalanced:
    return ClassBalanced(FocalLoss(gamma, "none"), beta)


def _deferred_ldam(largest_margin: float, scale: float) -> ClassBalanced:
    return ClassBalanced(LDAM(largest_margin, scale, "none"), 0.9999, start=0.8)


def _early_learning(weight: float, momentum: float) -> Baseline:
    make = partial(EarlyLearningRegularization, 0, 0, weight, momentum)
    return Baseline("ELR (index)", make, f"λ = {weight:g}, β = {momentum}")


CLASSIFICATION = (
    Baseline("cross-entropy", nn.CrossEntropyLoss),
    *_smoothing(0.05, 0.1, 0.2, 0.3),
    *_focal(0.5, 1.0, 2.0),
    Baseline("bi-tempered", partial(BiTempered, 0.9, 1.05), "t1 = 0.9, t2 = 1.05"),
)
"""For classes whose labels are right."""

_LDAM = ((2.0, 1.0), (0.5, 10.0), (0.5, 30.0))
"""Largest margins and scales. The scale of its source is for cosines; the logits of a linear layer want less."""

LONG_TAIL = (
    Baseline("cross-entropy", nn.CrossEntropyLoss),
    *_focal(1.0, 2.0),
    Baseline("balanced softmax", LogitAdjustment),
    *(Baseline("logit adjustment", partial(LogitAdjustment, tau), f"τ = {tau}") for tau in (0.5, 1.0, 1.5, 2.0)),
    *(Baseline("LDAM", partial(LDAM, margin, scale), f"margin {margin}, s = {scale:g}") for margin, scale in _LDAM),
    *(
        Baseline("LDAM, deferred weights", partial(_deferred_ldam, margin, scale), f"margin {margin}, s = {scale:g}")
        for margin, scale in _LDAM
    ),
    *(
        Baseline("class-balanced CE", partial(ClassBalanced, beta=beta), f"β = {beta}")
        for beta in (0.9, 0.99, 0.999, 0.9999)
    ),
    *(
        Baseline("class-balanced focal", partial(_balanced_focal, gamma, beta), f"γ = {gamma}, β = {beta}")
        for gamma, beta in ((0.5, 0.999), (1.0, 0.99), (1.0, 0.9999), (2.0, 0.999))
    ),
)
"""For classes some of which are rare in training, where all count alike."""

ROBUST_CLASSIFICATION = (
    Baseline("cross-entropy", nn.CrossEntropyLoss),
    *_smoothing(0.1, 0.3),
    *_focal(0.5, 2.0),
    Baseline("MAE", MeanAbsoluteProbability),
    *(Baseline("generalised CE", partial(GeneralizedCrossEntropy, q), f"q = {q}") for q in (0.4, 0.7)),
    *(
        Baseline("symmetric CE", partial(SymmetricCrossEntropy, alpha, beta), f"α = {alpha}, β = {beta}")
        for alpha, beta in ((0.1, 1.0), (0.5, 1.0), (6.0, 0.1))
    ),
    *(
        Baseline("NCE + RCE", partial(_with_reverse, alpha, beta), f"α = {alpha}, β = {beta}")
        for alpha, beta in ((1.0, 1.0), (10.0, 0.1))
    ),
    *(
        Baseline("NCE + AGCE", partial(_with_asymmetric, *weights), "α = {}, β = {}, a = {}, q = {}".format(*weights))
        for weights in ((1.0, 4.0, 6.0, 1.5), (10.0, 0.1, 1.8, 3.0))
    ),
    *(Baseline("PHuber CE", partial(PartiallyHuberisedCrossEntropy, tau), f"τ = {tau}") for tau in (2.0, 10.0)),
    *(
        Baseline("bi-tempered", partial(BiTempered, t1, t2), f"t1 = {t1}, t2 = {t2}")
        for t1, t2 in ((0.8, 1.2), (0.5, 1.5))
    ),
    *(_early_learning(weight, momentum) for weight in (1.0, 3.0) for momentum in (0.7, 0.9)),
)
"""For classes whose labels may be wrong. ELR needs to be told which rows a batch has; the others need not."""

ROBUST_REGRESSION = (
    Baseline("MSE", nn.MSELoss),
    Baseline("MAE", nn.L1Loss),
    *(Baseline("Huber", partial(nn.HuberLoss, delta=delta), f"δ = {delta}") for delta in (0.1, 0.5, 1.35)),
    *(Baseline("log-cosh", partial(LogCosh, scale), f"scale {scale}") for scale in (0.3, 1.0)),
    *(Baseline("Cauchy", partial(GeneralRobustLoss, 0.0, scale), f"scale {scale}") for scale in (0.2, 0.5, 1.0)),
    *(
        Baseline("Barron", partial(GeneralRobustLoss, alpha, scale), f"α = {alpha}, scale {scale}")
        for alpha, scale in ((1.0, 0.3), (-2.0, 0.3), (-2.0, 1.0))
    ),
)
"""For standardised targets among which some may be far off."""

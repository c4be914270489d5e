"""Ordinary losses: their published formulas, written anew in numpy; their limits; gradients at any logits."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.func import grad, vmap
from torch.nn import functional as F

from ml3zoo.errors import InputError
from ml3zoo.evaluate.baselines import ROBUST_CLASSIFICATION, ROBUST_REGRESSION
from ml3zoo.losses.ordinary import (
    ActivePassive,
    AsymmetricGeneralizedCrossEntropy,
    BiTempered,
    EarlyLearningRegularization,
    FocalLoss,
    GeneralizedCrossEntropy,
    GeneralRobustLoss,
    LogCosh,
    MeanAbsoluteProbability,
    NormalizedCrossEntropy,
    PartiallyHuberisedCrossEntropy,
    ReverseCrossEntropy,
    SymmetricCrossEntropy,
)

LOGITS = 2 * torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 3, 0, 1])
ERRORS = torch.tensor([-5.0, -0.4, 0.0, 0.1, 2.0], dtype=torch.float64)


def probabilities() -> tuple[np.ndarray, np.ndarray]:
    """Softmax [points, classes], and the part of the labels [points]."""
    exponentials = np.exp(LOGITS.numpy())
    all_of_them = exponentials / exponentials.sum(1, keepdims=True)
    return all_of_them, all_of_them[np.arange(len(LABELS)), LABELS.numpy()]


EVERY, P = probabilities()
CE = -np.log(P)
NCE = CE / -np.log(EVERY).sum(1)


def tempered_softmax(logits: np.ndarray, t: float) -> np.ndarray:
    """By bisection of the normaliser, where the loss iterates."""
    low, high = logits.max(), logits.max() + len(logits) ** (t - 1) / (t - 1)
    for _ in range(200):
        middle = (low + high) / 2
        total = ((1 + (t - 1) * (middle - logits)) ** (-1 / (t - 1))).sum()
        low, high = (middle, high) if total > 1 else (low, middle)
    return (1 + (t - 1) * (middle - logits)) ** (-1 / (t - 1))


def bi_tempered(t1: float, t2: float) -> np.ndarray:
    """Equation 7 of its source, with a label that is certain."""
    found = []
    for logits, label in zip(LOGITS.numpy(), LABELS.numpy(), strict=True):
        p = tempered_softmax(logits, t2)
        y = np.eye(len(p))[label]
        log_y, log_p = ((each ** (1 - t1) - 1) / (1 - t1) for each in (y, p))
        found.append((y * (log_y - log_p) - (y ** (2 - t1) - p ** (2 - t1)) / (2 - t1)).sum())
    return np.array(found)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (MeanAbsoluteProbability(), np.abs(np.eye(4)[LABELS] - EVERY).sum(1)),
        (GeneralizedCrossEntropy(), (1 - P**0.7) / 0.7),
        (ReverseCrossEntropy(), -(EVERY * np.log(np.maximum(np.eye(4)[LABELS], 1e-4))).sum(1)),
        (SymmetricCrossEntropy(0.1, 1.0), 0.1 * CE + 4 * (1 - P)),
        (FocalLoss(2.0), (1 - P) ** 2 * CE),
        (NormalizedCrossEntropy(), NCE),
        (AsymmetricGeneralizedCrossEntropy(6.0, 1.5), (7**1.5 - (6 + P) ** 1.5) / 1.5),
        (ActivePassive(ReverseCrossEntropy(), 10.0, 0.1), 10 * NCE - 0.1 * math.log(1e-4) * (1 - P)),
        (PartiallyHuberisedCrossEntropy(3.0), np.where(P <= 1 / 3, 1 + np.log(3) - 3 * P, CE)),
    ],
    ids=lambda each: type(each).__name__,
)
def test_values_are_those_of_the_formula(loss, expected):
    np.testing.assert_allclose(loss(LOGITS, LABELS), expected.mean(), rtol=1e-12)
    loss.reduction = "none"
    np.testing.assert_allclose(loss(LOGITS, LABELS), expected, rtol=1e-12)


@pytest.mark.parametrize(("t1", "t2"), [(0.8, 1.2), (0.5, 1.5), (0.2, 1.1)])
def test_the_bi_tempered_loss_is_that_of_its_formula(t1, t2):
    np.testing.assert_allclose(BiTempered(t1, t2, 200, "none")(LOGITS, LABELS), bi_tempered(t1, t2), rtol=1e-8)
    np.testing.assert_allclose(BiTempered(t1, t2, reduction="none")(LOGITS, LABELS), bi_tempered(t1, t2), rtol=0.03)


def test_the_bi_tempered_gradient_is_that_of_the_normalised_probabilities():
    loss = BiTempered(0.8, 1.4, 300)
    assert torch.autograd.gradcheck(lambda logits: loss(logits, LABELS), LOGITS.clone().requires_grad_())


def test_losses_that_become_cross_entropy():
    cross_entropy = F.cross_entropy(LOGITS, LABELS)
    for loss in (
        GeneralizedCrossEntropy(1e-7),
        FocalLoss(0.0),
        BiTempered(1.0, 1.0),
        PartiallyHuberisedCrossEntropy(1e9),
        SymmetricCrossEntropy(1.0, 0.0),
    ):
        torch.testing.assert_close(loss(LOGITS, LABELS), cross_entropy, rtol=1e-6, atol=0)
    torch.testing.assert_close(BiTempered(1 - 1e-5, 1 + 1e-5)(LOGITS, LABELS), cross_entropy, rtol=1e-3, atol=0)


def test_other_limits():
    absolute = MeanAbsoluteProbability()(LOGITS, LABELS)
    torch.testing.assert_close(2 * GeneralizedCrossEntropy(1.0)(LOGITS, LABELS), absolute)
    torch.testing.assert_close(2 * AsymmetricGeneralizedCrossEntropy(0.5, 1.0)(LOGITS, LABELS), absolute)
    joint = torch.tensor([[math.log(p), math.log(1 - p)] for p in (1 / 3 - 1e-9, 1 / 3 + 1e-9)], dtype=torch.float64)
    pieces = PartiallyHuberisedCrossEntropy(3.0, "none")
    slopes = grad(lambda logits: pieces(logits, torch.zeros(2, dtype=torch.long)).sum())(joint)
    torch.testing.assert_close(slopes[0], slopes[1])


def test_tempers_out_of_range_are_refused():
    with pytest.raises(InputError, match=r"t1 must lie in \[0, 1\] and t2 be at least 1, got t1 = 1.5"):
        BiTempered(1.5, 1.2)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (LogCosh(0.5), 0.25 * np.log(np.cosh(ERRORS.numpy() / 0.5))),
        (GeneralRobustLoss(2.0, 0.5), ERRORS.numpy() ** 2 / 2),
        (GeneralRobustLoss(1.0, 0.5), 0.25 * (np.sqrt((ERRORS.numpy() / 0.5) ** 2 + 1) - 1)),
        (GeneralRobustLoss(0.0, 0.5), 0.25 * np.log((ERRORS.numpy() / 0.5) ** 2 / 2 + 1)),
        (GeneralRobustLoss(-2.0, 1.0), 2 * ERRORS.numpy() ** 2 / (ERRORS.numpy() ** 2 + 4)),
        (GeneralRobustLoss(-math.inf, 1.0), 1 - np.exp(-(ERRORS.numpy() ** 2) / 2)),
    ],
)
def test_values_of_regression_losses(loss, expected):
    np.testing.assert_allclose(loss(ERRORS, torch.zeros_like(ERRORS)), expected.mean(), rtol=1e-12)


@pytest.mark.parametrize(("alpha", "near"), [(2.0, 2 - 1e-6), (0.0, 1e-6), (-math.inf, -1e6)])
def test_barrons_loss_is_continuous_in_its_shape(alpha, near):
    exact, approximate = (GeneralRobustLoss(each)(ERRORS, torch.zeros_like(ERRORS)) for each in (alpha, near))
    torch.testing.assert_close(exact, approximate, rtol=1e-4, atol=0)


WITHOUT_INDEX = [each for each in ROBUST_CLASSIFICATION if "index" not in getattr(each.make(), "uses", ())]


@pytest.mark.parametrize("baseline", WITHOUT_INDEX, ids=lambda each: f"{each.name} {each.hyper}")
def test_classification_baselines_are_differentiable_side_by_side_at_any_logits(baseline):
    loss = baseline.make()
    generator = torch.Generator().manual_seed(1)
    for size in (1.0, 1e2, 1e4):
        logits = size * torch.randn(3, 6, 5, generator=generator)
        labels = torch.randint(5, (3, 6), generator=generator)
        together = vmap(grad(loss))(logits, labels)
        assert together.isfinite().all()
        alone = torch.stack([grad(partial(loss, target=y))(z) for z, y in zip(logits, labels, strict=True)])
        torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("baseline", ROBUST_REGRESSION, ids=lambda each: f"{each.name} {each.hyper}")
def test_regression_baselines_are_differentiable_side_by_side_at_any_error(baseline):
    loss = baseline.make()
    errors = torch.cat([torch.logspace(-6, 6, 13), -torch.logspace(-6, 6, 13), torch.zeros(2)]).view(2, -1)
    assert vmap(grad(loss))(errors, torch.zeros_like(errors)).isfinite().all()


def test_early_learning_regularization_remembers_every_sample():
    loss = EarlyLearningRegularization(9, 4, weight=3.0, momentum=0.7).double()
    index = torch.tensor([8, 1, 2, 3, 4, 5, 0])
    targets = np.zeros((9, 4))
    for logits in (LOGITS, LOGITS.flip(0)):
        value = loss(logits, LABELS, index)
        p = np.clip(logits.softmax(1).numpy(), 1e-4, 1 - 1e-4)
        targets[index] = 0.7 * targets[index] + 0.3 * p / p.sum(1, keepdims=True)
        expected = F.cross_entropy(logits, LABELS) + 3 * np.log(1 - (targets[index] * p).sum(1)).mean()
        np.testing.assert_allclose(value, expected, rtol=1e-12)
        np.testing.assert_allclose(loss.running_target, targets, rtol=1e-12)
    assert loss.state_dict()["running_target"].shape == (9, 4)


def test_early_learning_regularization_works_against_the_labels_it_forgot():
    loss = EarlyLearningRegularization(1, 2)
    logits = torch.tensor([[2.0, 0.0]], requires_grad=True)
    wrong = torch.tensor([1])
    for _ in range(20):
        loss(logits, wrong, torch.tensor([0]))
    (slope,) = torch.autograd.grad(loss(logits, wrong, torch.tensor([0])), logits)
    (plain,) = torch.autograd.grad(F.cross_entropy(logits, wrong), logits)
    assert plain[0, 0] > slope[0, 0]

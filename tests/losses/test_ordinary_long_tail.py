"""Ordinary losses for rare classes: their published formulas, written anew in numpy; gradients at any logits."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch.func import grad, vmap
from torch.nn import functional as F

from ml3zoo.errors import InputError
from ml3zoo.evaluate.baselines import CLASSIFICATION, LONG_TAIL
from ml3zoo.losses import call_arguments
from ml3zoo.losses.ordinary import LDAM, ClassBalanced, FocalLoss, LogitAdjustment

LOGITS = 2 * torch.randn(7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 3, 3, 0, 1])
COUNTS = torch.tensor([400, 5, 60, 1])
N = COUNTS.numpy().astype(float)
Z, Y = LOGITS.numpy(), LABELS.numpy()


def of_label(values: np.ndarray) -> np.ndarray:
    return values[np.arange(len(Y)), Y]


def cross_entropy(logits: np.ndarray) -> np.ndarray:
    return np.log(np.exp(logits).sum(1)) - of_label(logits)


def balanced_softmax() -> np.ndarray:
    """Equation 4 of Ren et al."""
    parts = N * np.exp(Z)
    return -np.log(of_label(parts) / parts.sum(1))


def logit_adjusted(tau: float) -> np.ndarray:
    """Equation 11 of Menon et al.: a pairwise margin."""
    share = N / N.sum()
    ratio = (share[None, :] / share[Y][:, None]) ** tau
    return np.log((ratio * np.exp(Z - of_label(Z)[:, None])).sum(1))


def ldam(largest: float, scale: float) -> np.ndarray:
    """Equation 13 of Cao et al."""
    constant = largest * N.min() ** 0.25
    margins = constant / N**0.25
    top = np.exp(scale * (of_label(Z) - margins[Y]))
    others = np.exp(scale * Z).sum(1) - np.exp(scale * of_label(Z))
    return -np.log(top / (top + others))


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (LogitAdjustment(), balanced_softmax()),
        (LogitAdjustment(1.5), logit_adjusted(1.5)),
        (LDAM(0.5, 2.0), ldam(0.5, 2.0)),
    ],
    ids=["balanced softmax", "logit adjustment", "LDAM"],
)
def test_values_are_those_of_the_formula(loss, expected):
    np.testing.assert_allclose(loss(LOGITS, LABELS, COUNTS), expected.mean(), rtol=1e-12)
    loss.reduction = "none"
    np.testing.assert_allclose(loss(LOGITS, LABELS, COUNTS), expected, rtol=1e-12)
    np.testing.assert_allclose(loss(LOGITS, LABELS, 10 * COUNTS), expected, rtol=1e-12, err_msg="shares tell all")


def effective_weights(beta: float) -> np.ndarray:
    """One over the effective number, by its recursion, with a mean of 1 over training points."""
    numbers = np.zeros(4)
    for j, n in enumerate(COUNTS.tolist()):
        for _ in range(n):
            numbers[j] = 1 + beta * numbers[j]
    return (1 / numbers) / np.average(1 / numbers, weights=N)


@pytest.mark.parametrize("beta", [0.9, 0.999])
def test_class_balanced_points_count_by_the_effective_number_of_their_class(beta):
    p = np.exp(-cross_entropy(Z))
    weights = effective_weights(beta)[Y]
    np.testing.assert_allclose(ClassBalanced(beta=beta)(LOGITS, LABELS, COUNTS), (weights * -np.log(p)).mean())
    focal = ClassBalanced(FocalLoss(2.0, "none"), beta)(LOGITS, LABELS, COUNTS)
    np.testing.assert_allclose(focal, (weights * (1 - p) ** 2 * -np.log(p)).mean())


def test_weights_at_both_ends():
    torch.testing.assert_close(ClassBalanced(beta=0.0)(LOGITS, LABELS, COUNTS), F.cross_entropy(LOGITS, LABELS))
    inverse = COUNTS.sum() / COUNTS / 4
    expected = (inverse[LABELS] * F.cross_entropy(LOGITS, LABELS, reduction="none")).mean()
    torch.testing.assert_close(ClassBalanced(beta=1 - 1e-9)(LOGITS, LABELS, COUNTS), expected)
    with pytest.raises(InputError, match="beta must lie from 0 to below 1, got 1"):
        ClassBalanced(beta=1.0)


def test_classes_of_one_size_change_nothing():
    equal = torch.full((4,), 30)
    expected = F.cross_entropy(LOGITS, LABELS)
    torch.testing.assert_close(LogitAdjustment(2.0)(LOGITS, LABELS, equal), expected)
    torch.testing.assert_close(ClassBalanced(beta=0.99)(LOGITS, LABELS, equal), expected)


def test_deferred_weights_wait():
    each = LDAM(reduction="none")
    deferred, at_once = ClassBalanced(each, start=0.8), ClassBalanced(each)
    for progress in (0.79, torch.tensor(0.79)):
        torch.testing.assert_close(deferred(LOGITS, LABELS, COUNTS, progress), each(LOGITS, LABELS, COUNTS).mean())
    torch.testing.assert_close(deferred(LOGITS, LABELS, COUNTS, 0.8), at_once(LOGITS, LABELS, COUNTS))
    with pytest.raises(InputError, match=r"weighted from a progress of 0.8 on: a progress was expected, got none"):
        deferred(LOGITS, LABELS, COUNTS)
    assert deferred.uses == {"class_counts", "progress"}
    assert at_once.uses == {"class_counts"}


@pytest.mark.parametrize("baseline", [*CLASSIFICATION, *LONG_TAIL], ids=lambda each: f"{each.name} {each.hyper}")
def test_baselines_are_differentiable_side_by_side_at_any_logits(baseline):
    loss = baseline.make()
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(4, (3, 6), generator=generator)
    counts = torch.tensor([[400, 5, 60, 1], [3000, 0, 2, 90], [1, 1, 1, 1]])

    def value(logits, labels, counts, progress):
        return loss(
            **call_arguments(loss, {"input": logits, "target": labels, "class_counts": counts, "progress": progress})
        )

    for size in (1.0, 1e2, 1e4):
        logits = size * torch.randn(3, 6, 4, generator=generator)
        for progress in (torch.tensor(0.1), torch.tensor(0.9)):
            together = vmap(grad(partial(value, progress=progress)))(logits, labels, counts)
            assert together.isfinite().all()
            alone = torch.stack([grad(value)(*task, progress) for task in zip(logits, labels, counts, strict=True)])
            torch.testing.assert_close(together, alone)


def test_names_tell_baselines_apart():
    for baselines in (CLASSIFICATION, LONG_TAIL):
        assert len({(each.name, each.hyper) for each in baselines}) == len(baselines)
        assert baselines[0].name == "cross-entropy"

"""The zoo's entries that people wrote down: each is the loss of its source, in values and gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.ordinary import (
    ActivePassive,
    FocalLoss,
    GeneralizedCrossEntropy,
    GeneralRobustLoss,
    LogCosh,
    ReverseCrossEntropy,
    SymmetricCrossEntropy,
)
from ml3zoo.recipe import find_recipe, list_recipes

CLASSES: dict[str, nn.Module] = {
    "focal": FocalLoss(2.0),
    "generalized-cross-entropy": GeneralizedCrossEntropy(0.7),
    "label-smoothing": nn.CrossEntropyLoss(label_smoothing=0.1),
    "nce-rce": ActivePassive(ReverseCrossEntropy()),
    "symmetric-cross-entropy": SymmetricCrossEntropy(0.1, 1.0),
}


class Pinball(nn.Module):
    """At the median: half the absolute error."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return nn.functional.l1_loss(input, target) / 2


NUMBERS: dict[str, nn.Module] = {
    "cauchy": GeneralRobustLoss(0.0),
    "charbonnier": GeneralRobustLoss(1.0),
    "geman-mcclure": GeneralRobustLoss(-2.0),
    "huber": nn.HuberLoss(delta=1.345),
    "log-cosh": LogCosh(),
    "quantile": Pinball(),
}


def test_every_one_is_here() -> None:
    assert sorted([*CLASSES, *NUMBERS]) == [name for name in list_recipes() if find_recipe(name).config.citation]


def _loss(name: str) -> LearnedLoss:
    return find_recipe(name).fresh_loss(0).double()


def _value_and_slopes(loss: nn.Module, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    prediction = prediction.clone().requires_grad_()
    value = loss(prediction, target)
    return value.detach(), torch.autograd.grad(value, prediction)[0]


@pytest.mark.parametrize("name", CLASSES)
@given(seed=st.integers(0, 10_000), width=st.floats(0.1, 5))
@settings(deadline=None, max_examples=25)
def test_losses_of_classes_are_those_of_their_source(name: str, seed: int, width: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = width * torch.randn(9, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(4, (9,), generator=generator)
    found, expected = (_value_and_slopes(each, logits, labels) for each in (_loss(name), CLASSES[name]))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NUMBERS)
@given(seed=st.integers(0, 10_000), width=st.floats(0.01, 8))
@settings(deadline=None, max_examples=25)
def test_losses_of_numbers_are_those_of_their_source(name: str, seed: int, width: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    prediction, target = torch.randn(2, 9, 1, generator=generator, dtype=torch.float64)
    prediction = width * prediction
    found, expected = (_value_and_slopes(each, prediction, target) for each in (_loss(name), NUMBERS[name]))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_recipe_of_one_has_nothing_to_meta_train() -> None:
    recipe = find_recipe("huber")
    assert recipe.training is None
    assert recipe.quick().training is None
    assert "Huber" in str(recipe.config.citation)
    evaluation = recipe.evaluation(recipe.config)
    assert [baseline.name for baseline in evaluation.baselines] == ["MSE"]
    assert {setup.noise for setup in evaluation.setups} == {"no outliers", "30 %"}

"""Formulas of people stand for what they wrote: values and gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ml3zoo.errors import ConfigError
from ml3zoo.losses import build_loss
from ml3zoo.zoo.loading import load_loss
from ml3zoo.zoo.store import save_loss
from tests.losses.hand_made import DPO, PPO_CLIP, HandMade

BOTH = pytest.mark.parametrize("one", [PPO_CLIP, DPO], ids=lambda one: one.config.name)
STEPS = st.lists(
    st.tuples(st.floats(-3, 3, allow_subnormal=False), st.floats(-5, 5, allow_subnormal=False)), min_size=1, max_size=6
)


@BOTH
@given(steps=STEPS)
@settings(deadline=None, max_examples=25)
def test_values_and_gradients_are_those_of_the_source(one: HandMade, steps: list[tuple[float, float]]) -> None:
    log_ratio, advantage = torch.tensor(steps, dtype=torch.float64).T
    moved = (log_ratio.exp() - 1).abs()
    assume(not ((moved - 0.2).abs() < 1e-6).any())  # at its kinks a loss has no gradient
    bound = 1e-5 * float((1 + advantage.abs() * log_ratio.exp()).max())
    found, expected = (_value_and_slopes(each, log_ratio, advantage) for each in (one.loss().double(), one.ordinary))
    torch.testing.assert_close(found, expected, atol=bound, rtol=1e-5)


def _value_and_slopes(loss: nn.Module, log_ratio: Tensor, advantage: Tensor) -> tuple[Tensor, Tensor]:
    log_ratio = log_ratio.clone().requires_grad_()
    value = loss(log_ratio, advantage)
    return value.detach(), torch.autograd.grad(value, log_ratio)[0]


def test_formulas_read_like_their_source() -> None:
    assert PPO_CLIP.loss().formula() == (
        "loss = -(min(ratio * advantage, max(min(ratio, (1 + 0.2)), (1 - 0.2)) * advantage))"
    )
    assert "2 * tanh(((ratio - 1) * max(advantage, 0)) / (2))" in DPO.loss().formula()
    assert "0.6 * tanh((log_ratio * min(advantage, 0)) / (0.6))" in DPO.loss().formula()
    assert r"\max\left(\text{advantage}, 0\right)" in DPO.loss().formula(latex=True)


@BOTH
def test_they_are_saved_with_the_coefficients_of_the_source(one: HandMade, tmp_path) -> None:
    loaded = load_loss(save_loss(one.loss(), tmp_path / one.config.name))
    assert loaded.coefficients.tolist() == pytest.approx(one.init)


def test_a_coefficient_that_stands_in_several_places_learns_from_all() -> None:
    loss = DPO.loss().requires_grad_(True)
    log_ratio, advantage = torch.tensor([0.5, -1.0]), torch.tensor([2.0, -1.5])
    loss(log_ratio, advantage).backward()
    alpha, beta = torch.tensor(2.0, requires_grad=True), torch.tensor(0.6, requires_grad=True)
    gain, fall = (log_ratio[0].exp() - 1) * 2.0, log_ratio[1] * -1.5
    drift = gain - alpha * torch.tanh(gain / alpha) + fall - beta * torch.tanh(fall / beta)
    expected = torch.autograd.grad(drift / 2, (alpha, beta))
    torch.testing.assert_close(loss.coefficients.grad, torch.stack(expected), rtol=1e-4, atol=1e-5)


def test_many_at_once_are_each_alone() -> None:
    loss, log_ratio, advantage = PPO_CLIP.loss(), torch.randn(5), torch.randn(5)
    clips = torch.tensor([[0.1], [0.3]])

    def under(clip: Tensor) -> Tensor:
        return torch.func.functional_call(loss, {"coefficients": clip}, (log_ratio, advantage))

    torch.testing.assert_close(torch.func.vmap(under)(clips), torch.stack([under(clip) for clip in clips]))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("s0 c1 mul", "coefficients are c1: all plain, or all numbered from c0"),
        ("s0 c0 mul c add", "coefficients are c0 and c: all plain"),
        ("s0 -1 mul", r"tokens\[1\]"),
        ("s0 1e3 mul", r"tokens\[1\]"),
    ],
)
def test_tokens_that_mean_nothing_are_refused(tokens: str, message: str) -> None:
    config = PPO_CLIP.config.replace(architecture={"output": "value", "tokens": tokens.split()})
    with pytest.raises(ConfigError, match=message):
        build_loss(config)

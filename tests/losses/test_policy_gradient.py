"""Losses of policy gradients: formulas of hand-made objectives, signals, calls that are refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.func import grad

from ml3zoo.errors import InputError
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.ordinary import ClippedSurrogate, DiscoveredPolicyOptimization
from ml3zoo.losses.reductions import Reductions
from tests.families import example_loss

LOG_RATIO = torch.tensor([-0.5, -0.1, 0.0, 0.05, 0.3, 0.3], dtype=torch.float64)
ADVANTAGE = torch.tensor([1.0, -2.0, 0.5, 0.0, 1.5, -1.0], dtype=torch.float64)


def test_the_clipped_surrogate_is_ppos():
    ratio, advantage = np.exp(LOG_RATIO.numpy()), ADVANTAGE.numpy()
    expected = -np.minimum(ratio * advantage, np.clip(ratio, 0.8, 1.2) * advantage).mean()
    np.testing.assert_allclose(ClippedSurrogate(0.2)(LOG_RATIO, ADVANTAGE), expected, rtol=1e-12)
    slopes = grad(ClippedSurrogate(0.2))(LOG_RATIO, ADVANTAGE)
    assert slopes[4] == 0, "a gain beyond the clip"
    assert slopes[0] != 0, "a loss that is made good again"


def test_the_discovered_objective_is_that_of_its_source():
    ratio, advantage = np.exp(LOG_RATIO.numpy()), ADVANTAGE.numpy()
    gain, fall = (ratio - 1) * advantage, LOG_RATIO.numpy() * advantage
    drift = np.where(
        advantage >= 0,
        np.maximum(gain - 2 * np.tanh(gain / 2), 0),
        np.maximum(fall - 0.6 * np.tanh(fall / 0.6), 0),
    )
    found = DiscoveredPolicyOptimization()(LOG_RATIO, ADVANTAGE)
    np.testing.assert_allclose(found, -(ratio * advantage - drift).mean(), rtol=1e-12)


def test_near_the_old_policy_all_are_the_plain_policy_gradient():
    still = torch.zeros_like(LOG_RATIO)
    for objective in (ClippedSurrogate(), DiscoveredPolicyOptimization()):
        torch.testing.assert_close(grad(objective)(still, ADVANTAGE), -ADVANTAGE / len(ADVANTAGE))


def signals() -> LossInputs:
    given = {"log_ratio": LOG_RATIO, "advantage": ADVANTAGE, "feature": torch.ones_like(LOG_RATIO)}
    return LossInputs(find_problem_type("policy-gradient"), given, Reductions(LOG_RATIO.shape))


def test_signals():
    found, ratio = signals(), LOG_RATIO.exp()
    torch.testing.assert_close(found["surrogate"], -ratio * ADVANTAGE)
    torch.testing.assert_close(found["drift"], LOG_RATIO.square() / 2)
    torch.testing.assert_close(found["divergence"], (ratio - 1 - LOG_RATIO).mean())
    assert found["far"] == pytest.approx(3 / 6)
    assert found["ahead"].tolist() == pytest.approx(
        [0, 10 * (1 - ratio[1].item()), 0, 0, 10 * (ratio[4].item() - 1), 0]
    )
    assert found["behind"].tolist() == pytest.approx(
        [10 * (1 - ratio[0].item()), 0, 0, 0, 0, 10 * (ratio[5].item() - 1)]
    )
    assert found["certainty"].tolist() == [-1.0] * 6


def test_equal_advantages_and_ratios_out_of_this_world_stay_finite():
    loss = example_loss("symbolic-policy_gradient")
    for log_ratio, advantage in (
        (torch.zeros(4), torch.zeros(4)),
        (torch.tensor([1e3, -1e3]), torch.tensor([1.0, 1.0])),
    ):
        input = log_ratio.clone().requires_grad_()
        value = loss(input, advantage, feature=torch.ones_like(advantage), progress=0.5)
        value.backward()
        assert value.isfinite()
        assert input.grad.isfinite().all()


def test_no_gradient_goes_through_advantages():
    advantage = torch.randn(4, requires_grad=True)
    log_ratio = torch.randn(4, requires_grad=True)
    example_loss("mlp-policy_gradient")(log_ratio, advantage, feature=torch.ones(4), progress=0.5).backward()
    assert advantage.grad is None
    assert log_ratio.grad is not None


def test_calls_that_do_not_fit_are_refused():
    loss = example_loss("symbolic-policy_gradient")
    with pytest.raises(InputError, match="log-ratios and advantages of one shape were expected"):
        loss(torch.zeros(4, 2), torch.zeros(4), feature=torch.zeros(4, 2))
    with pytest.raises(InputError, match="the entropy of the policy at each step was expected"):
        loss(torch.zeros(4), torch.zeros(4), feature=torch.zeros(1))
    with pytest.raises(InputError, match="feature"):
        loss(torch.zeros(4), torch.zeros(4))

"""stable-baselines3's PPO under another policy loss."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3")

from stable_baselines3 import PPO

from ml3zoo import load_loss
from ml3zoo.errors import InputError
from ml3zoo.integrations.sb3 import LearnedPPO
from ml3zoo.losses.ordinary import ClippedSurrogate, DiscoveredPolicyOptimization
from tests.families import example_loss
from tests.pages import run_page

SETTINGS = {
    "n_steps": 128,
    "batch_size": 64,
    "n_epochs": 3,
    "seed": 0,
    "device": "cpu",
    "policy_kwargs": {"net_arch": [16]},
}


def equal(one, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(one.policy.state_dict().values(), other.policy.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("name", ["Pendulum-v1", "CartPole-v1"])
@pytest.mark.parametrize(
    "more", [{}, {"target_kl": 1e-3, "ent_coef": 0.01, "clip_range_vf": 0.2}], ids=["plain", "all"]
)
def test_with_the_clipped_surrogate_it_is_ppo(name, more):
    theirs = PPO("MlpPolicy", name, **SETTINGS, **more).learn(384)
    ours = LearnedPPO("MlpPolicy", name, loss=ClippedSurrogate(0.2), **SETTINGS, **more).learn(384)
    assert equal(theirs, ours)
    assert theirs._n_updates == ours._n_updates


def test_it_is_saved_without_its_loss_and_wants_one_again(tmp_path):
    loss = example_loss("symbolic-policy_gradient")
    model = LearnedPPO("MlpPolicy", "Pendulum-v1", loss=loss, **SETTINGS).learn(128)
    model.save(tmp_path / "model")
    env = gymnasium.make("Pendulum-v1")
    loaded = LearnedPPO.load(tmp_path / "model", env=env, loss=loss)
    assert equal(model, loaded)
    loaded.learn(128)
    with pytest.raises(InputError, match="there is no loss"):
        LearnedPPO.load(tmp_path / "model", env=env).learn(128)


def test_a_loss_of_another_problem_is_refused():
    with pytest.raises(InputError, match="sine-regression is a regression loss, one of policy gradients was expected"):
        LearnedPPO("MlpPolicy", "Pendulum-v1", loss=load_loss("sine-regression"))


def test_a_reward_that_is_no_number_is_found():
    class Broken(gymnasium.Wrapper):
        def step(self, action):
            observed, _, *rest = super().step(action)
            return observed, np.nan, *rest

    model = LearnedPPO("MlpPolicy", Broken(gymnasium.make("Pendulum-v1")), loss=ClippedSurrogate(), **SETTINGS)
    with pytest.raises(InputError, match="an advantage is not finite"):
        model.learn(128)


def test_the_page():
    page = run_page("ppo")
    assert page["model"].num_timesteps == 1024
    assert isinstance(page["model"].loss, DiscoveredPolicyOptimization)

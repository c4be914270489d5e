"""stable-baselines3's PPO under another policy loss."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch

pytest.importorskip("stable_baselines3")

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.td3.policies import TD3Policy

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


def test_with_normalised_observations_and_rewards_it_is_ppo_too():
    theirs, ours = (
        make("MlpPolicy", VecNormalize(make_vec_env("Pendulum-v1", 2)), **SETTINGS, **more).learn(512)
        for make, more in ((PPO, {}), (LearnedPPO, {"loss": ClippedSurrogate(0.2)}))
    )
    assert equal(theirs, ours)


def test_a_policy_without_an_entropy_in_closed_form_is_sampled():
    """A squashed Gaussian: what PPO takes for its entropy is what a learned loss sees."""
    squashed = {"use_sde": True, "policy_kwargs": {"net_arch": [16], "squash_output": True}}
    options = SETTINGS | {"ent_coef": 0.01} | squashed
    theirs = PPO("MlpPolicy", "Pendulum-v1", **options).learn(128)
    ours = LearnedPPO("MlpPolicy", "Pendulum-v1", loss=ClippedSurrogate(0.2), **options).learn(128)
    assert equal(theirs, ours)
    learned = LearnedPPO("MlpPolicy", "Pendulum-v1", loss=example_loss("symbolic-policy_gradient"), **options)
    assert all(p.isfinite().all() for p in learned.learn(128).policy.parameters())


class Dull(gymnasium.Wrapper):
    """Rewards nothing."""

    def step(self, action):
        observed, _, *rest = super().step(action)
        return observed, 0.0, *rest


def test_equal_advantages_move_no_policy_by_more_than_its_entropy():
    """A value function that is right everywhere: no action is better than another."""
    model = LearnedPPO("MlpPolicy", Dull(gymnasium.make("Pendulum-v1")), loss=ClippedSurrogate(), **SETTINGS)
    for p in (*model.policy.mlp_extractor.value_net.parameters(), *model.policy.value_net.parameters()):
        torch.nn.init.zeros_(p)
    before = [p.clone() for p in model.policy.action_net.parameters()]
    model.learn(128)
    assert all(map(torch.equal, before, model.policy.action_net.parameters()))


def test_values_of_single_steps_are_no_loss():
    loss = example_loss("symbolic-policy_gradient")
    loss.reduction = "none"
    model = LearnedPPO("MlpPolicy", "Pendulum-v1", loss=loss, **SETTINGS)
    with pytest.raises(InputError, match=r"values of shape \(64,\), a scalar was expected"):
        model.learn(128)


def test_a_policy_without_log_probabilities_is_refused():
    with pytest.raises(InputError, match="TD3Policy says nothing of log-probabilities"):
        LearnedPPO(TD3Policy, "Pendulum-v1", loss=ClippedSurrogate(), seed=0, device="cpu")


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

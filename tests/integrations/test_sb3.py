"""stable-baselines3: a loss trains the mean action of a policy."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("stable_baselines3")

import gymnasium
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

from ml3zoo import load_loss
from tests.pages import run_page

pytestmark = pytest.mark.filterwarnings("ignore:Evaluation environment is not wrapped:UserWarning")


@pytest.fixture(scope="module")
def page():
    return run_page("sb3")


def test_the_page_solves_the_environment(page):
    mean, _ = evaluate_policy(page["model"], page["env"], n_eval_episodes=3)
    assert mean > 90
    assert page["loss"].steps == 10
    assert page["loss"].progress == 1


def test_the_trained_model_is_saved_loaded_and_trained_further(page, tmp_path):
    page["model"].save(tmp_path / "model")
    loaded = PPO.load(tmp_path / "model", env=page["env"], n_steps=64, n_epochs=1)
    state, _ = page["env"].reset(seed=0)
    assert loaded.predict(state, deterministic=True)[0] == page["model"].predict(state, deterministic=True)[0]
    loaded.learn(64)


def test_an_sb3_optimiser_is_counted_too():
    loss = load_loss("reacher", total_steps=4)
    world = loss.config.environment
    states = torch.randn(20, len(world.observation_normaliser))
    space = gymnasium.spaces.Box(-1, 1, (states.shape[1],))
    env = gymnasium.make(world.id)
    policy = PPO("MlpPolicy", gymnasium.wrappers.TransformObservation(env, lambda state: state, space), seed=0).policy
    for step in range(2):
        assert loss.steps == step
        mean = policy.get_distribution(world.normalise(states)).distribution.mean
        policy.optimizer.zero_grad()
        loss(mean, states[:, list(world.goal_at)], feature=states).backward()
        policy.optimizer.step()
    assert loss.progress == 0.5
    without = [name for name, parameter in policy.named_parameters() if parameter.grad is None]
    assert without
    assert all("value" in name or "vf" in name or name == "log_std" for name in without)

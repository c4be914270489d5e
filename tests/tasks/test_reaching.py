"""Worlds with something to reach, the model of one, and how a loss learns to steer in it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from ml3zoo.errors import ConfigError, InputError
from ml3zoo.losses.families.trajectory import Loss
from ml3zoo.meta.initialisation.model_based import Imitation, ModelBasedPretraining
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import Adam
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.plots.policies import draw_policy_landscapes
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.control.ensemble import Ensemble, Fit
from ml3zoo.tasks.control.imagination import ImaginedReacher, meet
from ml3zoo.tasks.control.point_mass import PointMass
from ml3zoo.tasks.control.reacher import Reacher, expert
from ml3zoo.tasks.reaching import Environment, Reaching
from ml3zoo.training.mountain_car import FinalDistance

MASS = "ml3zoo.tasks.control.environments:ml3zoo/PointMass-v0"
gymnasium = pytest.importorskip("gymnasium")


def test_a_picture_of_what_a_loss_looks_like_around_policies():
    loss = find_recipe("pointmass").fresh_loss(0).requires_grad_(False)
    figure = draw_policy_landscapes(loss, Reaching(PointMass(steps=3), hidden=(4,)), FinalDistance(), "far", tasks=2)
    labels = [axes.get_ylabel() for axes in figure.axes]
    assert labels == ["far\nrandom direction", "", "pointmass\nrandom direction", ""]


def mass_state(observed: np.ndarray, _: object) -> torch.Tensor:
    return torch.as_tensor(observed[:6], dtype=torch.float64)


def arm_state(observed: np.ndarray, environment: gymnasium.Env) -> torch.Tensor:
    simulated = environment.unwrapped.data
    told = simulated.qpos[:2], simulated.qvel[:2], simulated.qpos[2:], observed[8:] + simulated.qpos[2:]
    return torch.as_tensor(np.concatenate(told))


def test_gymnasium_finds_the_point_mass_and_likes_it():
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        environment = gymnasium.make(MASS)
        check_env(environment.unwrapped, skip_render_check=True)
    assert environment.spec.max_episode_steps == PointMass().steps


@pytest.mark.parametrize("goal", [(2.0, 0.0), (0.1,), ("a", "b")])
def test_a_goal_out_of_reach_is_refused(goal: tuple[object, ...]):
    with pytest.raises(InputError, match=r"two numbers, no farther from the origin than 1\.0, were expected"):
        gymnasium.make(MASS).reset(options={"goal": goal})


@pytest.mark.parametrize(
    ("name", "environment", "state_of"), [(MASS, PointMass(), mass_state), ("Reacher-v5", Reacher(), arm_state)]
)
def test_torch_and_gymnasium_roll_out_alike(
    name: str, environment: Environment, state_of: Callable[[np.ndarray, gymnasium.Env], torch.Tensor]
):
    """Under weak and strong actions, which drive the elbow into its stop."""
    environment = gymnasium.make(name)
    chance = np.random.default_rng(0)
    for seed, strength in enumerate((0.2, 1.0, 1.0)):
        observed, _ = environment.reset(seed=seed)
        state = state_of(observed, environment)
        for _ in range(environment.steps):
            action = np.clip(chance.normal(seed * 0.4, strength, 2), -1, 1).astype(np.float32)
            observed, reward, ended, out_of_time, _ = environment.step(action)
            state = environment.step(state, torch.as_tensor(action, dtype=torch.float64))
            np.testing.assert_allclose(observed, environment.observe(state), atol=1e-6)
        assert out_of_time
        assert not ended
        assert reward <= -float(environment.offset(state).norm()) + 1e-6


def test_a_point_mass_is_trained_in_one_half_of_the_plane_and_tested_in_the_other():
    generator = torch.Generator().manual_seed(0)
    sides = {split: PointMass().draw(generator, 200, split)[:, 4].sign() for split in ("train", "valid", "test")}
    assert {split: side.unique().tolist() for split, side in sides.items()} == {
        "train": [-1.0],
        "valid": [-1.0],
        "test": [1.0],
    }


def test_the_expert_reaches_every_goal():
    arm = Reacher()
    state = arm.draw(torch.Generator().manual_seed(0), 100, "test")
    for _ in range(arm.steps):
        state = arm.step(state, expert(arm.observe(state)))
    assert arm.offset(state).norm(dim=-1).max() < 0.02


def test_an_ensemble_learns_how_things_change():
    generator = torch.Generator().manual_seed(0)
    given = torch.randn(1000, 3, generator=generator)
    change = torch.stack([given[:, 0] + given[:, 1], 5 * given[:, 2].tanh()], -1)
    torch.manual_seed(0)
    ensemble = Ensemble(3, 2, members=3, hidden=8)
    assert Fit(iterations=400)(ensemble, given, change, generator) < 0.1
    member = torch.randint(3, (50,), generator=generator).float()
    each = ensemble(given[:50])[0][member.long(), torch.arange(50)] * ensemble.change
    torch.testing.assert_close(ensemble.predict(given[:50], member), each)


def test_a_model_of_the_arm_is_learned_from_the_environment():
    torch.manual_seed(0)
    environment = ImaginedReacher(fit=Fit(iterations=400))

    def velocity_cost(observed: torch.Tensor) -> torch.Tensor:
        return expert(observed) + 0.3 * torch.randn(len(observed), 2)

    assert environment.learn(meet(velocity_cost, 10, 0), torch.Generator().manual_seed(0)) < 0.1
    state = environment.draw(torch.Generator().manual_seed(1), 20, "test")
    with torch.no_grad():
        ahead = environment.step(state, torch.full((20, 2), 0.1))
    true = environment.arm.step(state[:, :8], torch.full((20, 2), 0.1))
    assert (ahead[:, :2] - true[:, :2]).abs().max() < 0.02
    assert ahead[:, 8].equal(state[:, 8])


def test_a_model_goes_where_states_are():
    environment = ImaginedReacher()
    state = environment.draw(torch.Generator().manual_seed(0), 3, "test").to("meta")
    assert environment.step(state, torch.zeros(3, 2, device="meta")).device == state.device


@pytest.mark.parametrize("start", [ModelBasedPretraining(), Imitation()])
def test_aims_are_steered_before_meta_training(start: ModelBasedPretraining):
    torch.manual_seed(0)
    loss = find_recipe("reacher").fresh_loss(0)
    before = {name: p.clone() for name, p in loss.named_parameters()}
    training_config = TrainingConfig(Reaching(ImaginedReacher(fit=Fit(iterations=5))), InnerRun(Adam(), 0.03, 2))
    start.quick()(loss, (training_config,), 0)
    assert all(p.isfinite().all() for p in loss.parameters())
    assert any(not p.equal(before[name]) for name, p in loss.named_parameters())


@pytest.mark.parametrize("name", ["reacher", "reacher-imitation"])
def test_a_start_is_the_same_whoever_makes_it(name: str):
    """As processes that share a meta-training need it, whatever they did before."""
    recipe = find_recipe(name).quick()
    first, again = (recipe.initial_loss(0).state_dict() for _ in range(2))
    torch.manual_seed(1)
    other = find_recipe(name).quick().initial_loss(0).state_dict()
    for key, value in first.items():
        assert value.equal(again[key])
        assert value.equal(other[key])


def test_imitation_comes_near_the_expert():
    loss = find_recipe("reacher-imitation").fresh_loss(0)
    training_config = TrainingConfig(Reaching(ImaginedReacher(fit=Fit(iterations=5))), InnerRun(Adam(), 0.03, 2))
    few = Imitation(rounds=1, iterations=1, episodes=4, tasks=16)
    far = few(loss, (training_config,), 0)
    assert replace(few, iterations=60)(loss, (training_config,), 0) < far / 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"goal": (0.5,)}, "either goal or goal_at must tell the goal"),
        ({"goal_at": ()}, "either goal or goal_at must tell the goal"),
        ({"offset_at": (8, 10)}, "a state of 10 numbers has none at 10"),
        ({"episode_steps": 0}, "episode_steps"),
    ],
)
def test_a_world_that_contradicts_itself_is_refused(changes: dict[str, object], message: str):
    world = find_recipe("reacher-imitation").config.environment
    assert world is not None
    with pytest.raises(ConfigError, match=message):
        world.replace(**changes)


def test_only_trajectories_have_a_world():
    world = find_recipe("reacher-imitation").config.environment
    with pytest.raises(ConfigError, match="a regression loss has no environment"):
        find_recipe("sine-regression").config.replace(environment=world)


def test_a_mirrored_loss_is_the_same_on_the_other_side():
    loss = find_recipe("pointmass").fresh_loss(0)
    assert isinstance(loss, Loss)
    state, goal, action = torch.randn(5, 8), torch.randn(5, 2), torch.randn(5, 2)
    torch.testing.assert_close(loss.target_action(state, goal), -loss.target_action(-state, -goal))
    torch.testing.assert_close(loss(action, goal, feature=state), loss(-action, -goal, feature=-state))

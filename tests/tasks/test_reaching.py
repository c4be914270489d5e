"""Environments with a goal, the model of one, and how target actions are trained through it."""

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
from ml3zoo.tasks.control.imagination import ImaginedReacher, collect
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
    state = simulated.qpos[:2], simulated.qvel[:2], simulated.qpos[2:], observed[8:] + simulated.qpos[2:]
    return torch.as_tensor(np.concatenate(state))


def test_the_point_mass_passes_gymnasiums_check():
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
    ("name", "dynamics", "state_of"), [(MASS, PointMass(), mass_state), ("Reacher-v5", Reacher(), arm_state)]
)
def test_torch_and_gymnasium_roll_out_alike(
    name: str, dynamics: Environment, state_of: Callable[[np.ndarray, gymnasium.Env], torch.Tensor]
):
    """Under weak and strong actions, which drive the elbow into its stop."""
    environment = gymnasium.make(name)
    chance = np.random.default_rng(0)
    for seed, strength in enumerate((0.2, 1.0, 1.0)):
        observed, _ = environment.reset(seed=seed)
        state = state_of(observed, environment)
        for _ in range(dynamics.steps):
            action = np.clip(chance.normal(seed * 0.4, strength, 2), -1, 1).astype(np.float32)
            observed, reward, ended, out_of_time, _ = environment.step(action)
            state = dynamics.step(state, torch.as_tensor(action, dtype=torch.float64))
            np.testing.assert_allclose(observed, dynamics.observe(state), atol=1e-6)
        assert out_of_time
        assert not ended
        assert reward <= -float(dynamics.offset(state).norm()) + 1e-6


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

    def noisy_expert(observed: torch.Tensor) -> torch.Tensor:
        return expert(observed) + 0.3 * torch.randn(len(observed), 2)

    assert environment.learn(collect(noisy_expert, 10, 0), torch.Generator().manual_seed(0)) < 0.1
    state = environment.draw(torch.Generator().manual_seed(1), 20, "test")
    with torch.no_grad():
        ahead = environment.step(state, torch.full((20, 2), 0.1))
    true = environment.arm.step(state[:, :8], torch.full((20, 2), 0.1))
    assert (ahead[:, :2] - true[:, :2]).abs().max() < 0.02
    assert ahead[:, 8].equal(state[:, 8])


def test_environments_say_where_the_goal_is():
    for environment in (PointMass(), Reacher(), ImaginedReacher()):
        state = environment.draw(torch.Generator().manual_seed(0), 4, "test")
        goal = environment.goal(state)
        assert goal.norm(dim=-1).max() <= 1
        assert torch.equal(environment.goal(environment.step(state, torch.ones(4, 2))), goal)
        family = Reaching(environment, hidden=(4,))
        one = {name: p[0] for name, p in family.policy.sample(torch.Generator().manual_seed(0), 1).items()}
        target = family.loss_arguments(one, {"start": state[0]})["target"]
        assert torch.equal(target, goal[0].expand(environment.steps, 2))


def test_a_state_of_the_arm_is_recalled_from_its_observation():
    arm = Reacher()
    state = arm.draw(torch.Generator().manual_seed(0), 5, "test").double()
    state = arm.step(state, torch.ones(5, 2, dtype=torch.float64))
    torch.testing.assert_close(arm.recall(arm.observe(state)), state)
    assert torch.equal(arm.observed_goal(arm.observe(state)), arm.goal(state))


def test_an_imagined_arm_is_mutable_and_says_so():
    one, other = ImaginedReacher(), ImaginedReacher()
    assert one != other
    assert len({one, one, other}) == 2
    assert repr(one) == repr(other)
    assert "0x" not in repr(Reaching(one))
    before = {name: x.clone() for name, x in Reaching(one).learned().items()}
    one.forget(torch.Generator().manual_seed(1))
    assert not all(torch.equal(x, before[name]) for name, x in Reaching(one).learned().items())
    assert not PointMass().learned()


def test_a_model_goes_where_its_family_is_moved():
    environment = ImaginedReacher()
    state = environment.draw(torch.Generator().manual_seed(0), 3, "test").to("meta")
    Reaching(environment).move(state.device)
    assert environment.step(state, torch.zeros(3, 2, device="meta")).device == state.device


@pytest.mark.parametrize("initialisation", [ModelBasedPretraining(), Imitation()])
def test_target_actions_are_trained_before_meta_training(initialisation: ModelBasedPretraining):
    torch.manual_seed(0)
    loss = find_recipe("reacher").fresh_loss(0)
    before = {name: p.clone() for name, p in loss.named_parameters()}
    training_config = TrainingConfig(Reaching(ImaginedReacher(fit=Fit(iterations=5))), InnerRun(Adam(), 0.03, 2))
    initialisation.quick()(loss, (training_config,), 0)
    assert all(p.isfinite().all() for p in loss.parameters())
    assert any(not p.equal(before[name]) for name, p in loss.named_parameters())


@pytest.mark.parametrize("name", ["reacher", "reacher-imitation"])
def test_an_initial_loss_depends_on_the_seed_alone(name: str, monkeypatch: pytest.MonkeyPatch):
    """As processes that share a meta-training need it, whatever they did before."""
    recipe = find_recipe(name).quick()
    environment = recipe.training.training_configs[0].family.environment
    monkeypatch.setattr(environment, "fit", Fit(iterations=50))
    results = []
    for seed in range(3):  # the second follows the first, the third is made by another random state
        torch.manual_seed(seed // 2)
        learned = recipe.initial_loss(0).state_dict() | environment.learned()
        results.append({key: value.clone() for key, value in learned.items()})
    for other in results[1:]:
        assert all(value.equal(other[key]) for key, value in results[0].items())


def test_imitation_comes_near_the_expert():
    loss = find_recipe("reacher-imitation").fresh_loss(0)
    training_config = TrainingConfig(Reaching(ImaginedReacher(fit=Fit(iterations=5))), InnerRun(Adam(), 0.03, 2))
    few = Imitation(rounds=1, iterations=1, episodes=4, tasks=16)
    far = few(loss, (training_config,), 0)
    assert replace(few, iterations=60)(loss, (training_config,), 0) < far / 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"goal": (0.5,)}, "either goal or goal_at must give the goal"),
        ({"goal_at": ()}, "either goal or goal_at must give the goal"),
        ({"offset_at": (8, 10)}, "a state of 10 numbers has none at 10"),
        ({"episode_steps": 0}, "episode_steps"),
    ],
)
def test_an_environment_that_contradicts_itself_is_refused(changes: dict[str, object], message: str):
    environment = find_recipe("reacher-imitation").config.environment
    assert environment is not None
    with pytest.raises(ConfigError, match=message):
        environment.replace(**changes)


def test_only_trajectories_have_an_environment():
    environment = find_recipe("reacher-imitation").config.environment
    with pytest.raises(ConfigError, match="a regression loss has no environment"):
        find_recipe("sine-regression").config.replace(environment=environment)


def test_a_mirrored_loss_is_the_same_on_the_other_side():
    loss = find_recipe("pointmass").fresh_loss(0)
    assert isinstance(loss, Loss)
    state, goal, action = torch.randn(5, 8), torch.randn(5, 2), torch.randn(5, 2)
    torch.testing.assert_close(loss.target_action(state, goal), -loss.target_action(-state, -goal))
    torch.testing.assert_close(loss(action, goal, feature=state), loss(-action, -goal, feature=-state))

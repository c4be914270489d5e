"""Worlds: those of Gymnasium are Gymnasium's; the others do what their physics say."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch

from ml3zoo.tasks.worlds.arm import Arm
from ml3zoo.tasks.worlds.cart_pole import CartPole
from ml3zoo.tasks.worlds.gymnasium_reacher import ReacherWorld
from ml3zoo.tasks.worlds.mujoco import MujocoWorld
from ml3zoo.tasks.worlds.pendulum import Pendulum
from ml3zoo.tasks.worlds.pushed_mass import PushedMass

WORLDS = [PushedMass(1), PushedMass(3), Pendulum(), CartPole(), Arm(3), ReacherWorld()]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_shapes_and_what_goes_on_side_by_side(world):
    generator = torch.Generator().manual_seed(0)
    constants = world.constants(generator, 3)
    state = world.start(constants, torch.rand(3, 5, world.draws, generator=generator))
    for _ in range(10):
        action = 3 * torch.randn(3, 5, world.actions, generator=generator)
        outcome = world.step(constants, state, action)
        alone = world.step({name: x[1:2] for name, x in constants.items()}, state[1:2, 2:3], action[1:2, 2:3])
        assert world.observe(constants, state).shape == (3, 5, world.observations)
        assert outcome.reward.shape == outcome.ended.shape == (3, 5)
        for together, one in zip(outcome, alone, strict=True):
            torch.testing.assert_close(together[1:2, 2:3], one)
        assert outcome.state.isfinite().all()
        state = outcome.state


@pytest.mark.parametrize(
    ("name", "steps"), [("InvertedDoublePendulum-v5", 5), ("Hopper-v5", 20), ("HalfCheetah-v5", 20)]
)
def test_a_mujoco_world_is_gymnasiums_environment(name, steps):
    world, env = MujocoWorld(name, (0.0, 1.0)), gymnasium.make(name)
    nothing = world.constants(torch.Generator(), 1)
    state = world.start(nothing, torch.full((1, 1, 1), 0.25))
    observed, _ = env.reset(seed=2**22)
    numbers = np.random.default_rng(0)
    for _ in range(steps):
        np.testing.assert_allclose(world.observe(nothing, state)[0, 0], observed, atol=1e-5)
        action = numbers.uniform(-1.2, 1.2, world.actions)
        outcome = world.step(nothing, state, torch.tensor(action)[None, None])
        world.start(nothing, torch.rand(1, 1, 1))  # another copy comes between
        observed, reward, ended, _, _ = env.step(env.action_space.high * np.clip(action, -1, 1))
        assert outcome.reward.item() == pytest.approx(reward, abs=1e-5)
        assert bool(outcome.ended) == ended
        state = outcome.state


def test_the_reacher_is_gymnasiums():
    world, env = ReacherWorld(), gymnasium.make("Reacher-v5")
    observed, _ = env.reset(seed=0)
    data = env.unwrapped.data
    state = torch.tensor(np.concatenate([data.qpos[:2], data.qvel[:2], observed[4:6], observed[8:10] + observed[4:6]]))
    numbers = np.random.default_rng(0)
    for _ in range(30):
        np.testing.assert_allclose(world.observe({}, state[None, None])[0, 0], observed, atol=1e-4)
        action = numbers.uniform(-1, 1, 2)
        outcome = world.step({}, state[None, None], torch.tensor(action)[None, None])
        observed, reward, *_ = env.step(action)
        assert outcome.reward.item() == pytest.approx(reward, abs=1e-4)
        state = outcome.state[0, 0]


def test_a_pole_that_nobody_holds_falls():
    world = CartPole()
    constants = world.constants(torch.Generator().manual_seed(0), 4)
    state, ended = world.start(constants, torch.rand(4, 1, 4)), torch.zeros(4, 1, dtype=torch.bool)
    for _ in range(200):
        state, _, now = world.step(constants, state, torch.zeros(4, 1, 1))
        ended = ended | now
    assert ended.all()

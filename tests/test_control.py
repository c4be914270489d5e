"""Worlds to act in: the same as pure functions and as Gymnasium environments."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from ml3zoo.control.car import CONTINUOUS, VALLEY, Car

CAR = "ml3zoo.control.environments:ml3zoo/MountainCar-v0"
gymnasium = pytest.importorskip("gymnasium")


def test_gymnasium_finds_the_car_and_likes_it():
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        environment = gymnasium.make(CAR)
        check_env(environment.unwrapped, skip_render_check=True)
    assert environment.spec.max_episode_steps == VALLEY.steps


@pytest.mark.parametrize(("name", "car"), [(CAR, VALLEY), ("MountainCarContinuous-v0", CONTINUOUS)])
def test_torch_and_gymnasium_roll_out_alike(name: str, car: Car):
    environment = gymnasium.make(name)
    chance = np.random.default_rng(0)
    arrivals = 0
    for seed in range(5):
        observation, _ = environment.reset(seed=seed)
        state = torch.as_tensor(observation, dtype=torch.float64)
        for _ in range(200):
            action = np.sign(state[1:].numpy() + 0.01 * chance.normal(size=1)).astype(np.float32)
            observation, _, arrived, ended, _ = environment.step(action)
            state = car.step(state, torch.as_tensor(action, dtype=torch.float64))
            np.testing.assert_allclose(observation, state, atol=1e-6)
            assert arrived == bool(car.arrived(state))
            if arrived or ended:
                break
        arrivals += arrived
    assert arrivals


def test_the_car_of_the_paper():
    """Full power to the left for 15 steps leads where the paper's intermediate goal is."""
    state = torch.tensor([-0.55, 0.0], dtype=torch.float64)
    for _ in range(15):
        state = VALLEY.step(state, torch.tensor([-2.0]))
    torch.testing.assert_close(state, torch.tensor([-0.947, -0.0055], dtype=torch.float64), atol=5e-5, rtol=0)


def test_a_wall_stops_the_car():
    state = CONTINUOUS.step(torch.tensor([-1.19, -0.07]), torch.tensor([-1.0]))
    assert state.tolist() == pytest.approx([-1.2, 0.0])

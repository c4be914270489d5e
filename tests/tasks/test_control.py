"""Environments as pure functions and in Gymnasium: the same dynamics, and roll-outs in them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from ml3zoo import load_loss
from ml3zoo.errors import InputError
from ml3zoo.format.environment import normalise
from ml3zoo.tasks.control.car import CONTINUOUS, VALLEY, Car
from ml3zoo.tasks.control.rollouts import roll_out
from ml3zoo.tasks.optimizees import MLP

CAR = "ml3zoo.tasks.control.environments:ml3zoo/MountainCar-v0"
gymnasium = pytest.importorskip("gymnasium")


def test_the_car_passes_gymnasiums_check():
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


def test_roll_outs_end_where_episodes_end():
    vector_env = gymnasium.make_vec(CAR, num_envs=3)
    rolled = roll_out(lambda state: torch.where(state[:, 1:] > 0.02, 9.0, -9.0), vector_env, seed=1)
    assert rolled.states.shape[1:] == (3, 2)
    assert rolled.env_steps == int(rolled.alive.sum()) == len(rolled.visited_states)
    assert rolled.terminated.any()
    for k in range(3):
        steps = int(rolled.alive[:, k].sum())
        assert rolled.alive[:steps, k].all()
        assert steps == VALLEY.steps or rolled.terminated[k]
        expected = 100.0 * rolled.terminated[k] - 0.1 * steps
        assert float(rolled.returns[k]) == pytest.approx(float(expected), abs=1e-3)
        assert not rolled.rewards[steps:, k].any()
        assert not rolled.states[steps:, k].any()
    assert rolled.actions.shape == (len(rolled.states), 3, 1)
    assert rolled.actions[rolled.alive].abs().unique().tolist() == [9.0]


@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP"])
def test_the_end_is_what_the_last_action_led_to(mode: str):
    kwargs = {"autoreset_mode": gymnasium.vector.AutoresetMode[mode]}
    vector_env = gymnasium.make_vec(CAR, num_envs=3, vector_kwargs=kwargs)
    rolled = roll_out(lambda state: torch.where(state[:, 1:] > 0.02, 9.0, -9.0), vector_env, seed=1)
    last = rolled.alive.sum(0) - 1
    assert len(last.unique()) > 1
    before, done = (each[last, torch.arange(3)].double() for each in (rolled.states, rolled.actions))
    torch.testing.assert_close(rolled.end.double(), VALLEY.step(before, done), atol=1e-5, rtol=0)
    assert torch.equal(VALLEY.arrived(rolled.end), rolled.terminated)


class Broken(gymnasium.Env):
    """An environment in which something goes wrong after two steps."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)

    def __init__(self, fault: str) -> None:
        self.fault = fault
        discrete = gymnasium.spaces.Discrete(3)
        self.action_space = discrete if fault == "discrete" else gymnasium.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        if self.fault == "crash" and self.steps == 2:
            raise ZeroDivisionError("a joint came off")
        wrong = np.nan if self.steps == 2 else 0.1
        observed = np.full(2, wrong if self.fault == "nan" else 0.1, np.float32)
        return observed, wrong if self.fault == "nothing" else 0.0, False, False, {}


@pytest.mark.parametrize(
    ("fault", "actions", "message"),
    [
        ("discrete", 1, r"actions in Discrete\(3\): a Box of one dimension and real numbers was expected"),
        ("crash", 1, "failed at step 2 .*ZeroDivisionError: a joint came off"),
        ("nan", 1, r"observed \[nan, nan\] at step 2"),
        ("nothing", 1, r"rewarded \[nan\] at step 2"),
        ("", 2, r"gave shape \(1, 2\) .* \(1, 1\) were expected"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_environments_that_do_not_work_are_explained(fault: str, actions: int, message: str):
    gymnasium.register("tests/Broken-v0", Broken, max_episode_steps=5)
    vector_env = gymnasium.make_vec("tests/Broken-v0", num_envs=1, fault=fault)
    with pytest.raises(InputError, match=message):
        roll_out(lambda state: torch.zeros(len(state), actions), vector_env)


def test_an_episode_without_an_end_is_refused():
    gymnasium.register("tests/Endless-v0", Broken)
    with pytest.raises(InputError, match="max_episode_steps=N"):
        roll_out(lambda state: state[:, :1], gymnasium.make_vec("tests/Endless-v0", num_envs=1, fault=""))


def test_fresh_policies_arrive_in_gymnasium_by_the_loss_alone():
    vector_env = gymnasium.make_vec(CAR, num_envs=1)
    arrived = 0
    for seed in range(4):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            network = MLP((2, 64, 1), "tanh").build()

        def policy(state: torch.Tensor) -> torch.Tensor:
            return network(normalise(state, VALLEY.observation_normaliser))  # noqa: B023

        loss = load_loss("mountain-car", total_steps=10)
        optimizer = loss.make_optimizer(network.parameters())
        for step in range(10):
            states = roll_out(policy, vector_env, seed=100 * seed + step).visited_states
            optimizer.zero_grad()
            loss(policy(states), torch.full((len(states), 1), VALLEY.goal), feature=states).backward()
            optimizer.step()
        arrived += bool(roll_out(policy, vector_env, seed=100 * seed + 99).terminated)
    assert arrived >= 3


def test_observations_that_are_written_over_are_copied():
    def policy(state: torch.Tensor) -> torch.Tensor:
        return 9 * state[:, 1:]

    copied, reused = (
        roll_out(policy, gymnasium.make_vec(CAR, 3, vector_kwargs={"copy": copy}), seed=1) for copy in (True, False)
    )
    assert torch.equal(copied.states, reused.states)


def test_what_is_no_vector_environment_is_refused():
    with pytest.raises(InputError, match="a vector environment was expected"):
        roll_out(lambda state: state, gymnasium.make(CAR))
    waiting = gymnasium.make_vec(CAR, 2, vector_kwargs={"autoreset_mode": gymnasium.vector.AutoresetMode.DISABLED})
    with pytest.raises(InputError, match="does not reset by itself"):
        roll_out(lambda state: state[:, :1], waiting)


@pytest.mark.parametrize("start", [(0.0, 0.0, 0.0), "left", (5.0, 0.0)])
def test_starts_off_the_road_are_refused(start: object):
    with pytest.raises(InputError, match="position and velocity in Box"):
        gymnasium.make(CAR).reset(options={"start": start})


def test_a_loss_refuses_the_numbers_of_another_environment():
    loss = load_loss("mountain-car", total_steps=10)
    action, goal, state = torch.zeros(5, 1), torch.zeros(5, 1), torch.zeros(5, 2)
    for arguments, message in (
        ((action, goal, state[:, :1]), "takes 2 numbers as state, got 1"),
        ((torch.zeros(5, 2), goal, state), "takes 1 numbers as action, got 2"),
        ((action, goal[:1], state), "Expand one"),
        ((action, goal, state[:4]), "a state .* for each action"),
        ((action, goal, state.numpy()), "feature must be a tensor"),
    ):
        with pytest.raises(InputError, match=message):
            loss(*arguments[:2], feature=arguments[2])


def test_the_loss_is_least_at_its_target_action():
    loss = load_loss("mountain-car", total_steps=10)
    loss.progress, loss.reduction = 0.3, "none"
    state = torch.randn(4, 6, 2, generator=torch.Generator().manual_seed(0))
    goal = torch.full((4, 6, 1), 0.5)
    target = loss.target_action(state, goal, 0.3)
    assert loss(target, goal, feature=state).shape == (4, 6)
    assert loss(target, goal, feature=state).max() < 1e-9 < loss(target + 1, goal, feature=state).min()


@pytest.fixture
def endless():
    """A registered environment without a limit of its own."""

    class Endless(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.zeros(2, np.float32), {}

        def step(self, action):
            return np.zeros(2, np.float32), 0.0, False, False, {}

    gymnasium.register("Endless-v0", Endless)
    yield Endless
    del gymnasium.registry["Endless-v0"]


LIMITED = {
    "made with": lambda kind: gymnasium.make_vec("Endless-v0", 2, max_episode_steps=6),
    "each made with": lambda kind: gymnasium.vector.SyncVectorEnv(
        [lambda: gymnasium.make("Endless-v0", max_episode_steps=6)] * 2
    ),
    "wrapped in": lambda kind: gymnasium.vector.SyncVectorEnv([lambda: gymnasium.wrappers.TimeLimit(kind(), 6)] * 2),
    "and the vector wrapped": lambda kind: gymnasium.wrappers.vector.RecordEpisodeStatistics(
        gymnasium.make_vec("Endless-v0", 2, max_episode_steps=6)
    ),
}


@pytest.mark.parametrize("limited", LIMITED.values(), ids=LIMITED)
def test_a_limit_counts_wherever_it_was_set(endless, limited):
    assert roll_out(lambda state: state[:, :1], limited(endless), seed=0).states.shape == (6, 2, 2)


@pytest.mark.parametrize("count", [1, 2])
def test_without_a_limit_it_is_refused(endless, count):
    vector_env = gymnasium.make_vec("Endless-v0", count)
    with pytest.raises(InputError, match="no time limit"):
        roll_out(lambda state: state[:, :1], vector_env, seed=0)
    some = gymnasium.vector.SyncVectorEnv([lambda: gymnasium.wrappers.TimeLimit(endless(), 6), endless])
    with pytest.raises(InputError, match="no time limit"):
        roll_out(lambda state: state[:, :1], some, seed=0)

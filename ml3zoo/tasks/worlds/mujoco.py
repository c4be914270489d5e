"""Gymnasium's MuJoCo environments as worlds: each step by the environment's own code."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml3zoo.errors import MissingExtraError
from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.control.needs_gymnasium import gymnasium
from ml3zoo.tasks.worlds.base import Outcome

try:
    import mujoco
except ImportError as error:
    raise MissingExtraError("Gymnasium's MuJoCo environments", "rl") from error

Numbers = NDArray[np.float64]
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_SEEDS = 2**24


@dataclass(frozen=True)
class MujocoWorld:
    """One environment, put into the state of each copy in turn.

    Rewards that rest on where a body is, as Ant's, differ a little: Gymnasium reads it a moment too early.

    Attributes:
        id: of Gymnasium, such as ``"Hopper-v5"``.
        returns: of an episode under random actions and under good ones.
        limit: steps of an episode.
    """

    id: str
    returns: tuple[float, float]
    limit: int = 1000

    @property
    def observations(self) -> int:
        """As many as the environment has."""
        return int(_environment(self.id).observation_space.shape[0])

    @property
    def actions(self) -> int:
        """As many as the environment has."""
        return int(_environment(self.id).action_space.shape[0])

    @property
    def draws(self) -> int:
        """A seed for the environment's own start."""
        return 1

    def constants(self, generator: torch.Generator, n: int) -> Tensors:
        """None: all copies are alike."""
        return {"alike": torch.ones(n, 1)}

    def start(self, constants: Tensors, draw: Tensor) -> Tensor:
        """The environment's own starts."""
        return _each(self._start, draw)

    def observe(self, constants: Tensors, state: Tensor) -> Tensor:
        """What the environment said."""
        return state[..., : self.observations].float()

    def step(self, constants: Tensors, state: Tensor, action: Tensor) -> Outcome:
        """What the environment says; actions are scaled to its range."""
        found = _each(self._step, torch.cat([state, action.double()], -1))
        return Outcome(found[..., 2:], found[..., 0].float(), found[..., 1] > 0)

    def _start(self, draw: Numbers) -> Numbers:
        env = _environment(self.id)
        observed, _ = env.reset(seed=int(draw[0] * _SEEDS))
        return np.concatenate([observed, _physics(env)])

    def _step(self, state_and_action: Numbers) -> Numbers:
        env = _environment(self.id)
        state, action = np.split(state_and_action, [-self.actions])
        mujoco.mj_setState(env.model, env.data, state[self.observations :], _STATE)
        mujoco.mj_kinematics(env.model, env.data)
        low, high = env.action_space.low, env.action_space.high
        observed, reward, ended, _, _ = env.step(low + (np.clip(action, -1, 1) + 1) / 2 * (high - low))
        return np.concatenate([[reward, ended], observed, _physics(env)])


def _each(function: Callable[[Numbers], Numbers], rows: Tensor) -> Tensor:
    """A function of the numbers of every copy, [agents, copies, ...]."""
    found = np.stack([function(row) for row in rows.flatten(0, 1).numpy()])
    return torch.from_numpy(found).view(*rows.shape[:2], -1)


@functools.cache
def _environment(name: str) -> Any:
    return gymnasium.make(name).unwrapped


def _physics(env: Any) -> Numbers:
    """All that decides how the simulation goes on."""
    state = np.empty(mujoco.mj_stateSize(env.model, _STATE))
    mujoco.mj_getState(env.model, env.data, state, _STATE)
    return state

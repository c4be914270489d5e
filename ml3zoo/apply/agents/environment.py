"""The environment that an agent trains in, watched: what it does wrong is said where it happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium.spaces import Box, Discrete

from ml3zoo.apply.agents.settings import LAST
from ml3zoo.errors import InputError
from ml3zoo.tasks.control.needs_gymnasium import gymnasium

Env = gymnasium.Env[Any, Any]


def check_spaces(env: Env, name: str) -> None:
    """See that an MLP can observe and act in an environment.

    Raises:
        InputError: observations are not vectors of numbers, or actions are neither that nor one of several.
    """
    observations, actions = env.observation_space, env.action_space
    if not _is_vector(observations):
        raise InputError(
            f"{name} has observations in {observations}: a Box of one dimension was expected. Wrap the environment "
            "(gymnasium.wrappers.FlattenObservation) and register it under another id."
        )
    if not (isinstance(actions, Discrete) or (_is_vector(actions) and np.issubdtype(actions.dtype, np.floating))):
        raise InputError(
            f"{name} has actions in {actions}: a Box of one dimension and real numbers or a Discrete was expected. "
            "Take another environment."
        )


def _is_vector(space: Any) -> bool:
    return isinstance(space, Box) and len(space.shape) == 1


class WatchedEnv(gymnasium.Wrapper[Any, Any, Any, Any]):
    """An environment that raises an ``InputError`` where it fails, is not finite, or does not end.

    Args:
        env: the environment.
        name: its id.
        longest: steps of an episode, at most.
    """

    def __init__(self, env: Env, name: str, longest: int) -> None:
        super().__init__(env)
        self._name, self._longest, self._age = name, longest, 0

    def reset(self, **options: Any) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        self._age = 0
        observed, info = self._working(lambda: super(WatchedEnv, self).reset(**options))
        self._check("observed", observed)
        return observed, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Go on with it."""
        self._age += 1
        observed, reward, ended, cut, info = self._working(lambda: super(WatchedEnv, self).step(action))
        self._check("observed", observed)
        self._check("rewarded", reward)
        if self._age >= self._longest and not (ended or cut):
            raise InputError(
                f"an episode of {self._name} is not over after {self._age} steps, a tenth of the training, so the last "
                f"tenth might hold none that is. Take {LAST} times as many steps as an episode has, or register the "
                "environment with max_episode_steps."
            )
        return observed, reward, ended, cut, info

    def _working(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:
            raise InputError(
                f"{self._name} failed {self._when} ({type(error).__name__}: {error}). Correct the environment."
            ) from error

    def _check(self, what: str, value: Any) -> None:
        if not np.isfinite(np.asarray(value, dtype=np.float64)).all():
            raise InputError(
                f"{self._name} {what} {np.asarray(value).tolist()} {self._when}: finite numbers were expected. Look "
                "for a division by zero or an unstable simulation there."
            )

    @property
    def _when(self) -> str:
        return f"at step {self._age} of an episode" if self._age else "at its reset"

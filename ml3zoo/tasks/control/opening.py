"""Gymnasium's environments, opened and closed, or why they cannot be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from ml3zoo.errors import InputError, MissingExtraError
from ml3zoo.tasks.control.needs_gymnasium import VectorEnv, gymnasium

_KNOWN = "MountainCarContinuous-v0"
_Made = TypeVar("_Made")


@contextmanager
def open_vector_env(
    env: str, count: int, episode_steps: int, *, like: str = _KNOWN, render_mode: str | None = None
) -> Iterator[VectorEnv]:
    """A vector environment that is closed afterwards.

    Args:
        env: its id, as ``gymnasium.make`` takes it: ``"Name-v0"``, or ``"module:Name-v0"``, which imports the module.
        count: number of environments in it.
        episode_steps: largest number of steps in an episode.
        like: a known id, for the error message.
        render_mode: as ``gymnasium.make`` takes it.

    Raises:
        InputError: there is no such environment, or it cannot be made.
        MissingExtraError: it needs MuJoCo, which is not installed.
    """
    make = partial(gymnasium.make_vec, env, num_envs=count, max_episode_steps=episode_steps)
    vector_env = _made(make, env, like, render_mode)
    try:
        yield vector_env
    finally:
        vector_env.close()


@contextmanager
def open_env(env: str, *, like: str = _KNOWN, render_mode: str | None = None) -> Iterator[gymnasium.Env[Any, Any]]:
    """A single environment with its own time limit, closed afterwards; arguments and errors of ``open_vector_env``."""
    opened = _made(partial(gymnasium.make, env, disable_env_checker=True), env, like, render_mode)
    try:
        yield opened
    finally:
        opened.close()


def own_limit(env: str) -> int | None:
    """The time limit that an environment registers for itself, in steps; None if it has none."""
    steps: int | None = gymnasium.spec(env.rpartition(":")[-1]).max_episode_steps
    return steps


def _made(make: Callable[..., _Made], env: str, like: str, render_mode: str | None) -> _Made:
    """What ``make`` gives; its errors explained."""
    kwargs: dict[str, Any] = {} if render_mode is None else {"render_mode": render_mode}
    try:
        return make(**kwargs)
    except gymnasium.error.DependencyNotInstalled as error:
        if "mujoco" in str(error).lower():
            raise MissingExtraError(f"The environment {env}", "rl") from error
        raise InputError(f"the environment {env} needs what is not installed: {error}") from error
    except (gymnasium.error.Error, ModuleNotFoundError) as error:
        raise InputError(
            f"no environment {env!r} is known ({type(error).__name__}: {error}). An id of Gymnasium was expected, such "
            f"as {like}."
        ) from error
    except Exception as error:
        raise InputError(
            f"the environment {env} could not be made ({type(error).__name__}: {error}). Correct it, or what it needs."
        ) from error

"""Episodes as the environment itself renders them."""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from torch import Tensor

from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.recorder import Snapshot
from ml3zoo.errors import Ml3zooError
from ml3zoo.tasks.control.needs_gymnasium import VectorEnv
from ml3zoo.tasks.control.vector_env import open_vector_env

if TYPE_CHECKING:
    from ml3zoo.plots.film import Frame

_MODE, _BACKEND = "rgb_array", "MUJOCO_GL"


class Film(NamedTuple):
    """Frames of episodes, by number of gradient steps; None if nothing was rendered. ``origin`` says how or why."""

    frames: dict[int, list[Frame]] | None
    origin: str


class _NoRendererError(Exception):
    """The environment renders nothing, or cannot here; the text says why."""


def film(env: str, evaluator: Evaluator, snapshots: Mapping[int, Snapshot]) -> Film:
    """The first policy's episodes at snapshots of its training, rendered by the environment where it can.

    Args:
        env: id of the environment.
        evaluator: where they were rolled out.
        snapshots: by number of gradient steps.
    """
    try:
        return Film(_rendered(env, evaluator, snapshots), "rendered by the environment")
    except _NoRendererError as error:
        return Film(None, f"drawn, as the environment renders nothing here ({error})")


def _rendered(env: str, evaluator: Evaluator, snapshots: Mapping[int, Snapshot]) -> dict[int, list[Frame]]:
    """Frames of each snapshot's episode, as many as a film shows."""
    if _MODE not in evaluator.vector_env.metadata.get("render_modes", ()):
        raise _NoRendererError(f"it has no mode {_MODE!r}")
    from ml3zoo.plots.film import times_shown

    times = times_shown(max(int(snapshot.rollouts.alive[:, 0].sum()) for snapshot in snapshots.values()) + 1)
    try:
        opened = open_vector_env(env, 1, evaluator.config.episode_steps, like=evaluator.config.id, render_mode=_MODE)
        with warnings.catch_warnings(), _headless(), opened as vector_env:
            warnings.simplefilter("ignore")
            alone = Evaluator(vector_env, evaluator.config, evaluator.network)
            return {steps: _filmed(alone, snapshot, times) for steps, snapshot in snapshots.items()}
    except Ml3zooError as error:
        raise _NoRendererError(str(error)) from error


def _filmed(evaluator: Evaluator, snapshot: Snapshot, times: Collection[int]) -> list[Frame]:
    """Frames at those times, and at the end."""
    frames: list[Frame] = []
    policy, time = snapshot.policies.pick(0), itertools.count()

    def act(states: Tensor) -> Tensor:
        if next(time) in times:
            frames.append(_frame(evaluator.vector_env))
        return policy(states)

    evaluator.roll_out(act, snapshot.episode)
    return [*frames, _frame(evaluator.vector_env)]


def _frame(vector_env: VectorEnv) -> Frame:
    try:
        rendered: Any = vector_env.render()
        frame = np.asarray(rendered[0])
    except Exception as error:
        raise _NoRendererError(f"{type(error).__name__}: {error}") from error
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise _NoRendererError(f"it renders {frame.dtype} of shape {frame.shape}, not uint8 [height, width, 3]")
    return frame


@contextmanager
def _headless() -> Iterator[None]:
    """Let MuJoCo render without a screen through EGL, if the user chose no backend and EGL works."""
    if "mujoco" not in sys.modules or _BACKEND in os.environ or not _egl_works():
        yield
        return
    os.environ[_BACKEND] = "egl"
    try:
        yield
    finally:
        del os.environ[_BACKEND]


def _egl_works() -> bool:
    try:
        from mujoco.egl import GLContext

        GLContext(8, 8).free()
    except Exception:  # noqa: BLE001 (every driver fails differently)
        return False
    return True

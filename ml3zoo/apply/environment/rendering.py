"""Episodes as the environment itself renders them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.recorder import Snapshot
from ml3zoo.apply.rendering import RENDER_MODE, Film, NoRendererError, check_renders, headless, rendered_frame
from ml3zoo.errors import Ml3zooError
from ml3zoo.tasks.control.opening import open_vector_env

if TYPE_CHECKING:
    from ml3zoo.plots.film import Frame


def film(env: str, evaluator: Evaluator, snapshots: Mapping[int, Snapshot]) -> Film[int]:
    """The first policy's episodes at snapshots of its training, rendered by the environment where it can.

    Args:
        env: id of the environment.
        evaluator: where they were rolled out.
        snapshots: by number of gradient steps.
    """
    try:
        return Film(_rendered(env, evaluator, snapshots), "rendered by the environment")
    except NoRendererError as error:
        return Film(None, f"drawn, as the environment renders nothing here ({error})")


def _rendered(env: str, evaluator: Evaluator, snapshots: Mapping[int, Snapshot]) -> dict[int, list[Frame]]:
    """Frames of each snapshot's episode, as many as a film shows."""
    check_renders(evaluator.vector_env.metadata)
    from ml3zoo.plots.film import times_shown

    times = times_shown(max(int(snapshot.rollouts.alive[:, 0].sum()) for snapshot in snapshots.values()) + 1)
    try:
        opened = open_vector_env(
            env, 1, evaluator.config.episode_steps, like=evaluator.config.id, render_mode=RENDER_MODE
        )
        with warnings.catch_warnings(), headless(), opened as vector_env:
            warnings.simplefilter("ignore")
            alone = Evaluator(vector_env, evaluator.config, evaluator.network)
            return {steps: _filmed(alone, snapshot, times) for steps, snapshot in snapshots.items()}
    except Ml3zooError as error:
        raise NoRendererError(str(error)) from error


def _filmed(evaluator: Evaluator, snapshot: Snapshot, times: Collection[int]) -> list[Frame]:
    """Frames at those times, and at the end."""
    frames: list[Frame] = []
    policy, time = snapshot.policies.pick(0), itertools.count()

    def render() -> Any:
        pictures: Any = evaluator.vector_env.render()
        return pictures[0]

    def act(states: Tensor) -> Tensor:
        if next(time) in times:
            frames.append(rendered_frame(render))
        return policy(states)

    evaluator.roll_out(act, snapshot.episode)
    return [*frames, rendered_frame(render)]

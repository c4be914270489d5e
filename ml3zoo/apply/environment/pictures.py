"""Pictures of what policies did while they learned. matplotlib is imported only by ``ml3zoo.plots``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.recorder import Snapshot
from ml3zoo.plots.film import Frame, film_frames, film_trajectories
from ml3zoo.plots.style import Figure, save_figures
from ml3zoo.plots.trajectories import PlottedTrajectory, draw_in_plane, draw_over_time
from ml3zoo.tasks.control.rollouts import Rollouts

_NAME = "trajectories"


def save_trajectories(evaluator: Evaluator, snapshots: Mapping[int, Snapshot], folder: Path) -> None:
    """Draw what was observed, a panel for each number of gradient steps env_steps."""
    save_figures({_NAME: _drawn(evaluator, _trajectories(evaluator, snapshots))}, folder)


def save_film(
    evaluator: Evaluator, snapshots: Mapping[int, Snapshot], frames: Mapping[int, Sequence[Frame]] | None, folder: Path
) -> None:
    """A film of frames by number of gradient steps env_steps, or without them of what ``save_trajectories`` draws."""
    path = folder / f"{_NAME}.gif"
    if frames is not None:
        film_frames(frames, path)
        return
    trajectories = _trajectories(evaluator, snapshots)
    film_trajectories(_drawn(evaluator, trajectories), trajectories, path)


def _drawn(evaluator: Evaluator, trajectories: Mapping[int, Sequence[PlottedTrajectory]]) -> Figure:
    if _in_plane(evaluator):
        return draw_in_plane(trajectories, evaluator.environment.tolerance)
    return draw_over_time(trajectories, "first number observed")


def _trajectories(evaluator: Evaluator, snapshots: Mapping[int, Snapshot]) -> dict[int, list[PlottedTrajectory]]:
    return {steps: _trajectories_of(evaluator, snapshot.rolled) for steps, snapshot in snapshots.items()}


def _trajectories_of(evaluator: Evaluator, rolled: Rollouts) -> list[PlottedTrajectory]:
    """A trajectory for each policy."""
    trajectories = []
    for policy, arrived in enumerate(evaluator.successes(rolled).tolist()):
        met = torch.cat([rolled.states[rolled.alive[:, policy], policy], rolled.end[policy, None]])
        if _in_plane(evaluator):
            x, y = met[:, list(evaluator.environment.offset_at)].unbind(1)
            trajectories.append(PlottedTrajectory(x, y, arrived))
        else:
            trajectories.append(PlottedTrajectory.over_time(met[:, 0], arrived))
    return trajectories


def _in_plane(evaluator: Evaluator) -> bool:
    return len(evaluator.environment.offset_at) == 2

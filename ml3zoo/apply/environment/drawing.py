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
    """Draw the states visited, a panel for each number of gradient steps."""
    save_figures({_NAME: _drawn(evaluator, _trajectories(evaluator, snapshots))}, folder)


def save_film(
    evaluator: Evaluator, snapshots: Mapping[int, Snapshot], frames: Mapping[int, Sequence[Frame]] | None, folder: Path
) -> None:
    """A film of frames, by number of gradient steps; without frames, what ``save_trajectories`` draws in motion."""
    path = folder / f"{_NAME}.gif"
    if frames is not None:
        film_frames({f"{steps} gradient steps": pictures for steps, pictures in frames.items()}, path)
        return
    trajectories = _trajectories(evaluator, snapshots)
    film_trajectories(_drawn(evaluator, trajectories), trajectories, path)


def _drawn(evaluator: Evaluator, trajectories: Mapping[int, Sequence[PlottedTrajectory]]) -> Figure:
    if _in_plane(evaluator):
        return draw_in_plane(trajectories, evaluator.config.tolerance)
    return draw_over_time(trajectories, "first number observed")


def _trajectories(evaluator: Evaluator, snapshots: Mapping[int, Snapshot]) -> dict[int, list[PlottedTrajectory]]:
    return {steps: _trajectories_of(evaluator, snapshot.rollouts) for steps, snapshot in snapshots.items()}


def _trajectories_of(evaluator: Evaluator, rollouts: Rollouts) -> list[PlottedTrajectory]:
    """A trajectory for each policy."""
    trajectories = []
    for policy, arrived in enumerate(evaluator.successes(rollouts).tolist()):
        visited = torch.cat([rollouts.states[rollouts.alive[:, policy], policy], rollouts.end[policy, None]])
        if _in_plane(evaluator):
            x, y = visited[:, list(evaluator.config.offset_at)].unbind(1)
            trajectories.append(PlottedTrajectory(x, y, arrived))
        else:
            trajectories.append(PlottedTrajectory.over_time(visited[:, 0], arrived))
    return trajectories


def _in_plane(evaluator: Evaluator) -> bool:
    return len(evaluator.config.offset_at) == 2

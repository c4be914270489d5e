"""Pictures of what policies did while they learned. matplotlib is imported only by ``ml3zoo.plots``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from ml3zoo.apply.environment.evaluator import Arena
from ml3zoo.apply.environment.recorder import Moment
from ml3zoo.plots.film import Frame, film_frames, film_roads
from ml3zoo.plots.style import Figure, save_figures
from ml3zoo.plots.trajectories import Road, draw_in_plane, draw_over_time
from ml3zoo.tasks.control.rollouts import Rollouts

_NAME = "trajectories"


def save_trajectories(arena: Arena, moments: Mapping[int, Moment], folder: Path) -> None:
    """Draw what was observed, a panel for each number of gradient steps taken."""
    save_figures({_NAME: _drawn(arena, _roads(arena, moments))}, folder)


def save_film(
    arena: Arena, moments: Mapping[int, Moment], frames: Mapping[int, Sequence[Frame]] | None, folder: Path
) -> None:
    """A film of frames by number of gradient steps taken, or without them of what ``save_trajectories`` draws."""
    path = folder / f"{_NAME}.gif"
    if frames is not None:
        film_frames(frames, path)
        return
    roads = _roads(arena, moments)
    film_roads(_drawn(arena, roads), roads, path)


def _drawn(arena: Arena, roads: Mapping[int, Sequence[Road]]) -> Figure:
    if _in_plane(arena):
        return draw_in_plane(roads, arena.world.tolerance)
    return draw_over_time(roads, "first number observed")


def _roads(arena: Arena, moments: Mapping[int, Moment]) -> dict[int, list[Road]]:
    return {steps: _roads_of(arena, moment.rolled) for steps, moment in moments.items()}


def _roads_of(arena: Arena, rolled: Rollouts) -> list[Road]:
    """A road for each policy."""
    roads = []
    for policy, arrived in enumerate(arena.successes(rolled).tolist()):
        met = torch.cat([rolled.states[rolled.alive[:, policy], policy], rolled.end[policy, None]])
        if _in_plane(arena):
            x, y = met[:, list(arena.world.offset_at)].unbind(1)
            roads.append(Road(x, y, arrived))
        else:
            roads.append(Road.over_time(met[:, 0], arrived))
    return roads


def _in_plane(arena: Arena) -> bool:
    return len(arena.world.offset_at) == 2

"""Trajectories of policies in training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.plots.style import LEARNED, ORDINARY, Circle, Figure, styled

_WIDTH, _HEIGHT = 2.9, 3.1


@dataclass(frozen=True)
class PlottedTrajectory:
    """A line of points (x, y), each [points], and whether it ends at the goal."""

    x: Tensor
    y: Tensor
    arrived: bool

    @classmethod
    def over_time(cls, y: Tensor, arrived: bool) -> PlottedTrajectory:
        """One number [points], time step by time step."""
        return cls(torch.arange(len(y)), y, arrived)


@styled
def draw_trajectories(trajectories: Mapping[int, Tensor], goal: float) -> Figure:
    """Positions over an episode, a panel for each number of gradient steps.

    Args:
        trajectories: positions [policies, time] by number of gradient steps taken.
        goal: position to reach.
    """
    lines = {
        step: [PlottedTrajectory.over_time(trajectory, bool(trajectory[-1] >= goal)) for trajectory in positions]
        for step, positions in trajectories.items()
    }
    figure = draw_over_time(lines, "position (dotted: goal)")
    for axes in figure.axes:
        axes.axhline(goal, color="black", linewidth=0.8, linestyle=":")
    return figure


@styled
def draw_over_time(trajectories: Mapping[int, Sequence[PlottedTrajectory]], label: str) -> Figure:
    """Trajectories over time, a panel for each number of gradient steps taken.

    Args:
        trajectories: by number of gradient steps taken.
        label: of the vertical axis.
    """
    figure = _panels(trajectories)
    for axes in figure.axes:
        axes.set(xlabel="time step")
    figure.axes[0].set_ylabel(label)
    return figure


@styled
def draw_in_plane(trajectories: Mapping[int, Sequence[PlottedTrajectory]], tolerance: float) -> Figure:
    """Trajectories in a plane whose origin is the goal, a panel for each number of gradient steps taken.

    Args:
        trajectories: by number of gradient steps taken.
        tolerance: the distance up to which an end is a success, drawn as a circle.

    Points more than 1.5 times as far from the goal as every start are not shown.
    """
    figure = _panels(trajectories)
    starts = [math.hypot(trajectory.x[0], trajectory.y[0]) for lines in trajectories.values() for trajectory in lines]
    edge = 1.5 * max(*starts, tolerance)
    figure.axes[0].set(xlim=(-edge, edge), ylim=(-edge, edge))
    for axes in figure.axes:
        axes.plot(0, 0, "+", color="black", markersize=3, alpha=0.6)
        axes.add_patch(Circle((0, 0), tolerance, fill=False, linewidth=0.8))
        axes.set_aspect("equal", adjustable="box")
        axes.locator_params(nbins=4)
        axes.set(xlabel="x from the goal (+)")
    figure.axes[0].set_ylabel("y from the goal (circle: success)")
    return figure


def _panels(trajectories: Mapping[int, Sequence[PlottedTrajectory]]) -> Figure:
    """A line for each trajectory; the lines come first in each panel, in the order of the trajectories."""
    figure = Figure(figsize=(_WIDTH * len(trajectories), _HEIGHT), layout="constrained")
    panels = figure.subplots(1, len(trajectories), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (step, lines) in zip(panels, trajectories.items(), strict=True):
        for trajectory in lines:
            axes.plot(
                trajectory.x, trajectory.y, color=LEARNED if trajectory.arrived else ORDINARY, alpha=0.6, linewidth=1
            )
        arrivals = sum(trajectory.arrived for trajectory in lines)
        axes.set_title(f"{step} gradient steps: {arrivals} of {len(lines)} arrive (orange)")
    return figure

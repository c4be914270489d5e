"""Where cars drive under policies that learn."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ml3zoo.plots.style import LEARNED, ORDINARY, Figure, tidy


def draw_roads(roads: Mapping[int, Tensor], goal: float) -> Figure:
    """Positions over an episode, a panel for each number of gradient steps.

    Args:
        roads: positions [policies, time] by number of gradient steps taken.
        goal: position to reach.
    """
    figure = Figure(figsize=(2.9 * len(roads), 3.1), layout="constrained")
    for axes, (step, positions) in zip(figure.subplots(1, len(roads), sharey=True), roads.items(), strict=True):
        arrived = positions[:, -1] >= goal
        for road, there in zip(positions, arrived, strict=True):
            axes.plot(road, color=LEARNED if there else ORDINARY, alpha=0.6, linewidth=1)
        axes.axhline(goal, color="black", linewidth=0.8, linestyle=":")
        axes.set(xlabel="time step")
        axes.set_title(f"{step} gradient steps: {int(arrived.sum())} of {len(arrived)} arrive", fontsize=9)
        tidy(axes)
    figure.axes[0].set_ylabel("position (dotted: goal)")
    return figure

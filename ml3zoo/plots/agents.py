"""Returns of agents in the course of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ml3zoo.evaluate.statistics import Estimate
from ml3zoo.plots.style import LEARNED, ORDINARY, Figure, styled


@styled
def draw_returns(steps: Sequence[float], bands: Mapping[str, Sequence[Estimate]], title: str) -> Figure:
    """Returns over environment steps: interquartile means over seeds, with their intervals.

    Args:
        steps: of the environment, at each point.
        bands: of PPO, then of the learned objective, by label.
        title: what was trained.
    """
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for (label, band), colour in zip(bands.items(), (ORDINARY, LEARNED), strict=True):
        values, lows, highs = zip(*band, strict=True)
        axes.plot(steps, values, color=colour, label=label)
        axes.fill_between(steps, lows, highs, color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="environment steps", ylabel="return", xlim=(0, steps[-1]))
    axes.set_title(f"{title}: interquartile mean and 95 % bootstrap interval")
    axes.legend()
    return figure

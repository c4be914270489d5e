"""Learning curves as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ml3zoo.apply.table.report import TableReport
from ml3zoo.plots.style import LEARNED, ORDINARY, OTHERS, PALE, Figure, save_figures, styled

_COLOURS = (LEARNED, PALE, ORDINARY, *OTHERS)


@styled
def draw_curves(report: TableReport, folder: Path) -> None:
    """Write ``learning_curves.png``: on validation rows, with one standard deviation over seeds."""
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    for method, colour in zip(report.methods, _COLOURS, strict=False):
        mean = np.array(method.curve.mean, dtype=float)
        std = np.array(method.curve.std, dtype=float)
        label = f"{method.label}, lr {method.lr:.3g}, {method.schedule}"
        axes.plot(report.curve_steps, mean, color=colour, label=label)
        axes.fill_between(report.curve_steps, mean - std, mean + std, color=colour, alpha=0.15)
    axes.set(xlabel="gradient steps", ylabel=report.selection_metric, xlim=(0, report.steps))
    axes.legend()
    save_figures({"learning_curves": figure}, folder)

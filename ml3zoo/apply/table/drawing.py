"""A comparison on a table as pictures: who is better, and how they learned."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ml3zoo.apply.table.report import TableMethodReport, TableReport
from ml3zoo.plots.style import LEARNED, ORDINARY, OTHERS, Figure, save_figures, styled

_LINES = 5
"""In a picture of learning curves, at most."""


@styled
def draw_report(report: TableReport, folder: Path) -> None:
    """Write ``ranking.png``, the change that each method brings, and ``learning_curves.png``, on validation rows."""
    save_figures({"ranking": _ranking(report), "learning_curves": _curves(report)}, folder)


def _ranking(report: TableReport) -> Figure:
    methods = report.methods[::-1]
    figure = Figure(figsize=(7.5, 1.2 + 0.32 * len(methods)), layout="constrained")
    axes = figure.subplots()
    for place, method in enumerate(methods):
        change = method.difference
        if change.mean is not None:
            low, high = (change.mean if end is None else end for end in (change.low, change.high))
            axes.plot([100 * low, 100 * high], [place, place], color=_colour(method), linewidth=2)
            axes.plot(100 * change.mean, place, "o", color=_colour(method))
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks(range(len(methods)), [f"{method.label}, lr {method.lr:.2g}" for method in methods])
    axes.set_xlabel(f"change of test {report.metrics[report.metric]}, {report.unit.strip()}: further left is better")
    return figure


def _curves(report: TableReport) -> Figure:
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    shown = [method for method in report.methods if method.label.endswith("tuned")][:_LINES]
    for method, colour in zip(shown, (LEARNED, ORDINARY, *OTHERS), strict=False):
        mean = np.array(method.curve.mean, dtype=float)
        std = np.array(method.curve.std, dtype=float)
        axes.plot(report.curve_steps, mean, color=colour, label=f"{method.label}, lr {method.lr:.2g}")
        axes.fill_between(report.curve_steps, mean - std, mean + std, color=colour, alpha=0.15)
    axes.set(xlabel="steps", ylabel=report.selection_metric, xlim=(0, report.steps))
    axes.legend()
    return figure


def _colour(method: TableMethodReport) -> str:
    return LEARNED if method.learned else ORDINARY

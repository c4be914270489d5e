"""Pictures of what was measured: learning curves, transfer, meta-training."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ml3zoo.format.results import MetaTrainingRecord, Ranking, Results
from ml3zoo.plots.style import LEARNED, ORDINARY, OTHERS, PALE, Figure, plain_numbers, scale_of, styled


@styled
def draw_curves(results: Results) -> Figure:
    """Learning curves in the main setup: means, and for the two that matter the band between quartiles.

    Tasks that either fail or do not have no band.
    """
    main = results.setups[0]
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    others = itertools.cycle(OTHERS)
    shown = [(method, method.curve) for method in main.methods if method.curve]
    for method, curve in shown:
        learned = method.role == "learned"
        colour = LEARNED if learned else ORDINARY if method.selected else next(others)
        axes.plot(
            main.observed,
            curve.mean,
            "--" if learned and method.use == "tuned" else "-",
            color=colour,
            label=f"{method}{' (tuned baseline)' if method.selected else ''}, lr {method.lr:.3g}, {method.schedule}",
            zorder=3 if learned or method.selected else 2,
        )
        quartiles = curve.low, curve.high
        banded = method.selected or (learned and method.use in ("recommended", "swapped in"))
        if banded and not {0, 1} >= {*itertools.chain(*quartiles)}:
            axes.fill_between(main.observed, *quartiles, color=colour, alpha=0.15)
    scale = scale_of(itertools.chain(*(curve.mean for _, curve in shown)))
    axes.set(xlabel="steps", ylabel=results.metric.name, yscale=scale, xlim=(0, main.observed[-1]))
    drawn = "mean and band between quartiles" if axes.collections else "mean"
    axes.set_title(f"{main.setup}: held-out tasks, {drawn}", fontsize=9)
    plain_numbers(axes.yaxis)
    axes.legend(fontsize=7.5)
    return figure


@styled
def draw_transfer(results: Results) -> Figure:
    """The metric in every setup but those of ordinary training: the learned loss against the tuned baseline."""
    setups = [each for each in results.setups if not each.learned("swapped in")]
    names = [f"{each.setup}" + (f"\nunseen {each.setup.unseen}" if each.setup.unseen else "") for each in setups]
    longest = max(len(str(each.setup)) for each in setups)
    figure = Figure(figsize=(5 + 0.06 * longest, 1.3 + 0.5 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.set_ylim(-0.6, len(names) - 0.4)
    means = []
    for row, each in enumerate(reversed(setups)):
        shown = (
            (each.baseline, ORDINARY, ORDINARY, -0.17),
            (each.learned("tuned"), LEARNED, LEARNED, 0.05),
            (each.learned("recommended"), LEARNED, "white", 0.25),
        )
        for method, colour, fill, offset in shown:
            if method is not None:
                value = method.objective
                means.append(value.mean)
                axes.plot([value.low, value.high], [row + offset] * 2, color=colour)
                axes.plot(value.mean, row + offset, "o", color=colour, markersize=6, markerfacecolor=fill)
    axes.set_yticks(range(len(names)), names[::-1], fontsize=8)
    for label, colour, fill in (
        ("tuned baseline", ORDINARY, ORDINARY),
        ("learned, tuned", LEARNED, LEARNED),
        ("learned, recommended rate", LEARNED, "white"),
    ):
        axes.plot([], [], "o", color=colour, label=label, markerfacecolor=fill)
    axes.set(xscale=scale_of(means), xlabel=f"{results.metric.name} at the end (95 % interval)")
    plain_numbers(axes.xaxis)
    figure.legend(fontsize=8, loc="outside upper center", ncols=3)
    return figure


@styled
def draw_ranks(rankings: Sequence[Ranking]) -> Figure:
    """Mean ranks of all losses in ordinary training, for each way to use them."""
    first = rankings[0]
    names = [method.name for method in first.methods]
    figure = Figure(figsize=(7.5, 1.3 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    for ranking, filled, offset in zip(rankings, (True, False), (-0.14, 0.14), strict=True):
        for row, name in enumerate(names):
            method = ranking.find(name)
            colour = LEARNED if method.role == "learned" else ORDINARY
            axes.plot([method.rank.low, method.rank.high], [row + offset] * 2, color=colour)
            axes.plot(method.rank.mean, row + offset, "o", color=colour, markerfacecolor=colour if filled else "white")
        axes.plot([], [], "o", color=ORDINARY, markerfacecolor=ORDINARY if filled else "white", label=ranking.use)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set(
        xlabel=f"mean rank over {rankings[0].setups} setups (95 % interval over {rankings[0].data_sets} data sets)"
    )
    axes.legend()
    return figure


@styled
def draw_meta_training(records: Sequence[MetaTrainingRecord]) -> Figure:
    """The meta-objective on validation tasks by outer iteration."""
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = figure.subplots()
    iterations = [record.iteration for record in records]
    axes.plot(iterations, [record.validation for record in records], color=LEARNED, label="validation")
    best = records[-1].best_iteration
    axes.axvline(best, color=PALE, linestyle=":", label=f"selected: iteration {best}")
    axes.set(xlabel="outer iteration", ylabel="meta-objective on validation tasks")
    axes.legend()
    return figure

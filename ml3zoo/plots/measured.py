"""Pictures of what was measured: the gain, learning curves, ranks, meta-training."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ml3zoo.format.results import Curve, MetaTrainingRecord, MethodResult, Ranking, Results, SetupResult, Verdict
from ml3zoo.plots.labels import label_ends, wrapped
from ml3zoo.plots.style import LEARNED, ORDINARY, OTHERS, PALE, Axes, Figure, plain_numbers, scale_of, styled
from ml3zoo.zoo.verdicts import changes

_MOST_CURVES = 5
_MARKS: dict[Verdict, tuple[str, str]] = {
    "better": ("o", LEARNED),
    "no clear difference": ("s", PALE),
    "worse": ("X", "black"),
}
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 5, 10, 20, 50)


@styled
def draw_gain(results: Results) -> Figure:
    """The error under the learned loss over that under the ordinary one, by setup or by level of noise.

    As the headline takes it: swapped in, else at the recommended rate, else tuned. In ordinary training the best
    ordinary loss stands beside it.
    """
    rows = changes(results)
    edge = (min(0.9, *(max(row.low, row.ratio / 2, 0.004) for row in rows)), max(1.1, *(row.high for row in rows)))
    figure = Figure(figsize=(7.5, 1.4 + 0.36 * len(rows)), layout="constrained")
    axes = figure.subplots()
    axes.axvline(1, color=ORDINARY, linewidth=1.5)
    for height, row in enumerate(rows):
        mark, colour = _MARKS[row.verdict]
        axes.plot([max(row.low, edge[0]), row.high], [height] * 2, color=colour)
        axes.plot(max(row.ratio, edge[0]), height, mark, color=colour, markersize=8, markeredgecolor="white")
        axes.annotate(
            _in_percent(row.ratio), (1.02, height), xycoords=("axes fraction", "data"), va="center", fontsize=8
        )
    other = _draw_best(axes, results.rankings) if results.rankings else ""
    axes.set_yticks(range(len(rows)), [wrapped(row.label, 48) for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set(xscale="log", xlim=(edge[0] / 1.08, edge[1] * 1.08))
    ticks = [tick for tick in _TICKS if edge[0] / 1.08 <= tick <= edge[1] * 1.08]
    every = 1 + len(ticks) // 9
    shown = [tick for at, tick in enumerate(ticks) if tick == 1 or (at - ticks.index(1)) % every == 0]
    axes.set_xticks(shown, [f"{tick:g}" for tick in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel(f"{results.metric.name}, as a multiple of that under {_reference(results)} (blue line){other}")
    axes.set_title(wrapped(_measured_on(results)))
    kinds = [verdict for verdict in _MARKS if any(row.verdict == verdict for row in rows)]
    for verdict in kinds:
        axes.plot([], [], _MARKS[verdict][0], color=_MARKS[verdict][1], label=verdict)
    figure.legend(loc="outside upper center", ncols=len(kinds))
    return figure


def _in_percent(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio >= 2 else f"{100 * (ratio - 1):+.{1 if ratio < 0.01 else 0}f} %"


def _measured_on(results: Results) -> str:
    if not results.rankings:
        return f"as made for: {results.setups[0].setup}"
    return f"mean over {results.rankings[0].setups} setups on {results.rankings[0].data_sets} data sets, swapped in"


def _reference(results: Results) -> str:
    return results.rankings[0].reference if results.rankings else "the best tuned ordinary loss"


def _draw_best(axes: Axes, rankings: Sequence[Ranking]) -> str:
    """The best ordinary loss as hollow points; what the axis says of them, empty if it is the reference."""
    best, reference = rankings[0].ordinary, rankings[0].find(rankings[0].reference)
    if best is reference:
        return ""
    for height, (one, other) in enumerate(zip(best.levels, reference.levels, strict=True)):
        ratio = one.metric.mean / other.metric.mean
        axes.plot(ratio, height, "o", color=ORDINARY, markerfacecolor="white", zorder=1)
    return f"\nhollow: {best.name}, the best ordinary loss"


@styled
def draw_curves(results: Results) -> Figure:
    """Learning curves in the main setup: means, and for the two that matter the band between quartiles.

    At most five: the learned loss as the headline takes it, on top, its baseline, and beside them the first ordinary
    loss, the best in hindsight and the initial loss. Tasks that either fail or do not have no band.
    """
    main = results.setups[0]
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    axes = figure.subplots()
    others = iter(OTHERS)
    ends = []
    shown = list(_curves(main))
    for rank, (method, curve) in enumerate(shown):
        colour = LEARNED if method.role == "learned" else ORDINARY if method.selected else next(others)
        matters = method.selected or method.role == "learned"
        axes.plot(main.observed, curve.mean, color=colour, linewidth=2 if matters else 1.2, zorder=9 - rank)
        if matters and not {0, 1} >= {*curve.low, *curve.high}:
            axes.fill_between(main.observed, curve.low, curve.high, color=colour, alpha=0.15)
        label = f"{method}{' (tuned baseline)' if method.selected else ''}"
        ends.append((curve.mean[-1], label, colour))
    scale = scale_of(itertools.chain(*(curve.mean for _, curve in shown)))
    axes.set(xlabel="steps", ylabel=results.metric.name, yscale=scale, xlim=(0, main.observed[-1]))
    drawn = "mean and band between quartiles" if axes.collections else "mean"
    axes.set_title(wrapped(f"{main.setup}: held-out tasks, {drawn}"), fontsize=9)
    plain_numbers(axes.yaxis)
    label_ends(axes, ends)
    return figure


def _curves(main: SetupResult) -> Iterator[tuple[MethodResult, Curve]]:
    """The methods to draw, the most important first."""
    first = next(method for method in main.methods if method.role == "baseline")
    initial = [method for method in main.methods if method.role == "initial"]
    wanted = (main.shown, main.baseline, first, main.in_hindsight, *initial)
    distinct = {str(method): (method, method.curve) for method in wanted if method.curve}
    for method, curve in list(distinct.values())[:_MOST_CURVES]:
        assert curve is not None
        yield method, curve


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

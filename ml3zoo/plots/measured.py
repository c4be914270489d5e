"""Pictures of what was measured: learning curves, transfer, meta-training."""

from __future__ import annotations

import itertools
from typing import Any

from ml3zoo.plots.style import LEARNED, ORDINARY, OTHERS, PALE, Figure, plain_numbers, scale_of, tidy


def draw_curves(results: dict[str, Any]) -> Figure:
    """Learning curves on the main setup: means, and for the two that matter the band between quartiles.

    Tasks that either fail or do not have no band.
    """
    setup = results["setups"][0]
    steps = setup["observed"]
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    others = itertools.cycle(OTHERS)
    for name, entry in setup["methods"].items():
        learned, best = name.startswith("learned"), name == setup["baseline"]
        colour = LEARNED if learned else ORDINARY if best else next(others)
        label = f"{name} (careful baseline)" if best else name
        style = "--" if name == "learned, tuned" else "-"
        label = f"{label}, lr {entry['lr']:.3g}, {entry['schedule']}"
        axes.plot(
            steps,
            entry["curve"]["mean"],
            style,
            color=colour,
            label=label,
            zorder=3 if learned or best else 2,
        )
        quartiles = entry["curve"]["low"], entry["curve"]["high"]
        if (name == "learned" or best) and not {0, 1} >= {*itertools.chain(*quartiles)}:
            axes.fill_between(steps, *quartiles, color=colour, alpha=0.15)
    scale = scale_of(itertools.chain(*(entry["curve"]["mean"] for entry in setup["methods"].values())))
    axes.set(xlabel="gradient steps", ylabel=results["metric"]["name"], yscale=scale, xlim=(0, steps[-1]))
    what = "mean and band between quartiles" if axes.collections else "mean"
    axes.set_title(f"{setup['name']}: held-out tasks, {what}", fontsize=9)
    plain_numbers(axes.yaxis)
    axes.legend(fontsize=7.5, frameon=False)
    tidy(axes)
    return figure


def draw_transfer(results: dict[str, Any]) -> Figure:
    """Final error on every network and optimiser: learned against the careful baseline."""
    setups = results["setups"]
    longest = max(len(setup["name"]) for setup in setups)
    figure = Figure(figsize=(5 + 0.06 * longest, 1.3 + 0.5 * len(setups)), layout="constrained")
    axes = figure.subplots()
    axes.set_ylim(-0.6, len(setups) - 0.4)
    means = []
    for row, setup in enumerate(reversed(setups)):
        shown = (
            (setup["baseline"], ORDINARY, -0.17),
            ("learned, tuned", LEARNED, 0.05),
            ("learned", LEARNED, 0.25),
        )
        for name, colour, offset in shown:
            if name in setup["methods"]:
                value = setup["methods"][name]["objective"]
                means.append(value["mean"])
                fill = "white" if name == "learned" else colour
                axes.plot([value["low"], value["high"]], [row + offset] * 2, color=colour)
                axes.plot(value["mean"], row + offset, "o", color=colour, markersize=6, markerfacecolor=fill)
    names = [setup["name"] + (f"\nunseen {setup['unseen']}" if setup["unseen"] else "") for setup in setups]
    axes.set_yticks(range(len(setups)), names[::-1], fontsize=8)
    for label, colour, fill in (
        ("careful baseline", ORDINARY, ORDINARY),
        ("learned, tuned", LEARNED, LEARNED),
        ("learned, recommended lr", LEARNED, "white"),
    ):
        axes.plot([], [], "o", color=colour, label=label, markerfacecolor=fill)
    axes.set(xscale=scale_of(means), xlabel=f"{results['metric']['name']} at the end (95 % interval)")
    plain_numbers(axes.xaxis)
    figure.legend(fontsize=8, frameon=False, loc="outside upper center", ncols=3)
    tidy(axes)
    return figure


def draw_meta_training(records: list[dict[str, Any]]) -> Figure:
    """The meta-objective on validation tasks by outer iteration, from the records of a meta-training's log."""
    figure = Figure(figsize=(7.5, 3.6), layout="constrained")
    axes = figure.subplots()
    iterations = [record["iteration"] for record in records]
    axes.plot(iterations, [record["validation"] for record in records], color=LEARNED, label="validation")
    best = records[-1]["best_iteration"]
    axes.axvline(best, color=PALE, linestyle=":", label=f"kept: iteration {best}")
    axes.set(xlabel="outer iteration", ylabel="meta-objective on validation tasks")
    axes.legend(frameon=False)
    tidy(axes)
    return figure

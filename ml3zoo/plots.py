"""Pictures: loss surfaces, learning curves, transfer, meta-training. matplotlib is imported only here."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import torch
from msgspec import Meta, Struct
from numpy.typing import NDArray
from torch import Tensor

from ml3zoo.errors import MissingExtraError
from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.signals import BatchError
from ml3zoo.schema import parse

try:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.contour import ContourSet
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter
except ImportError as error:
    raise MissingExtraError("Drawing pictures", "plot") from error

LEARNED, ORDINARY, PALE = "#d1495b", "#30638e", "#9aa5b1"
_OTHERS = ("#8d6a9f", "#4f9d69", "#c98b2b", "#7a8793", "#5bb0ba", "#b3b3b3")
_DECADES = 4
"""How far a loss surface is shown below its highest point."""

_Text = Annotated[str, Meta(max_length=200)]
_Number = Annotated[float, Meta(ge=-1e30, le=1e30)]
_Count = Annotated[int, Meta(ge=0, le=10_000_000)]


class _Interval(Struct, frozen=True):
    """What is drawn of a mean with its interval."""

    mean: _Number
    low: _Number
    high: _Number


class _Curve(Struct, frozen=True):
    """What is drawn of a learning curve."""

    mean: list[_Number]
    low: list[_Number]
    high: list[_Number]


class _Contender(Struct, frozen=True):
    """What is drawn of a contender."""

    lr: _Number
    schedule: _Text
    curve: _Curve
    objective: _Interval


class _Cell(Struct, frozen=True):
    """What is drawn of a cell."""

    name: _Text
    unseen: _Text
    baseline: _Text
    observed: Annotated[list[_Count], Meta(min_length=2, max_length=10_000)]
    contenders: Annotated[dict[_Text, _Contender], Meta(max_length=32)]

    def __post_init__(self) -> None:
        """Curves have a point per step observed."""
        for name, entry in self.contenders.items():
            if {len(entry.curve.mean), len(entry.curve.low), len(entry.curve.high)} != {len(self.observed)}:
                raise ValueError(f"the curve of {name!r} has not {len(self.observed)} points, one per step observed")


class _Record(Struct, frozen=True):
    """What is drawn of a validation in a meta-training."""

    iteration: _Count
    validation: _Number
    best_iteration: _Count


class _Drawn(Struct, frozen=True):
    """What is drawn of ``results.json``: strangers write it too."""

    cells: Annotated[list[_Cell], Meta(max_length=64)] = []
    meta_training: Annotated[list[_Record], Meta(max_length=100_000)] = []


def draw_card(loss: LearnedLoss, results: dict[str, Any], folder: Path) -> list[Path]:
    """All pictures of a card.

    Args:
        loss: the loss.
        results: its ``results.json``.
        folder: existing; PNG files of the same name are replaced.

    Returns:
        The files written.

    Raises:
        ConfigError: the results are not of the form that a measurement writes.
    """
    remedy = "Measure the loss with this ml3zoo, or pull it again."
    drawn = msgspec.to_builtins(parse(_Drawn, results, "results.json", remedy))
    with rc_context({"text.parse_math": False}):
        pictures = {"surface": draw_surface(loss)}
        if drawn["cells"]:
            pictures |= {"learning_curves": draw_curves(drawn), "transfer": draw_transfer(drawn)}
        if drawn["meta_training"]:
            pictures["meta_training"] = draw_meta_training(drawn["meta_training"])
        for name, figure in pictures.items():
            figure.savefig(folder / f"{name}.png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    return [folder / f"{name}.png" for name in pictures]


def draw_surface(loss: LearnedLoss) -> Figure:
    """The loss over prediction and target, beside the squared error; at three moments of a training if they matter."""
    axis = torch.linspace(-2.5, 2.5, 101)
    target, prediction = torch.meshgrid(axis, axis, indexing="ij")
    moments = [(0.0, 1.0), (0.5, 0.5), (0.9, 0.2)] if loss.uses_progress or loss.looks_at_batch else [(0.0, 1.0)]
    figure = Figure(figsize=(3.25 * (len(moments) + 1), 3.6), layout="constrained")
    panels = figure.subplots(1, len(moments) + 1, sharey=True)
    surfaces = {"squared error": (prediction - target).square()}
    for progress, error in moments:
        context = f"\nbatch error {error:g}, mean error 0, progress {progress:g}" if len(moments) > 1 else ""
        surfaces[loss.config.name + context] = _at(loss, prediction, target, progress, error)
    surfaces = {title: _positive(value) for title, value in surfaces.items()}
    highest = torch.stack(list(surfaces.values())).log10().amax().item()
    levels = np.linspace(highest - _DECADES, highest, 8 * _DECADES + 1)
    for panel, (title, value) in zip(panels, surfaces.items(), strict=True):
        filled = _surface(panel, axis, value.log10().clamp(levels[0], levels[-1]), levels, title)
    panels[0].set_ylabel("target")
    ticks = np.arange(np.ceil(levels[0]), np.floor(levels[-1]) + 1)
    bar = figure.colorbar(filled, ax=panels, ticks=ticks, shrink=0.8, pad=0.01)
    bar.ax.set_yticklabels([f"{10.0**tick:g}" for tick in ticks])
    bar.set_label("loss")
    return figure


def draw_curves(results: dict[str, Any]) -> Figure:
    """Learning curves on the main cell: means, and for the two that matter the band between quartiles."""
    cell = results["cells"][0]
    steps = cell["observed"]
    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    others = itertools.cycle(_OTHERS)
    for name, entry in cell["contenders"].items():
        learned, best = name.startswith("learned"), name == cell["baseline"]
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
        if name == "learned" or best:
            axes.fill_between(steps, entry["curve"]["low"], entry["curve"]["high"], color=colour, alpha=0.15)
    axes.set(xlabel="gradient steps", ylabel="normalised mean squared error", yscale="log", xlim=(0, steps[-1]))
    axes.set_title(f"{cell['name']}: held-out tasks, mean and band between quartiles", fontsize=9)
    _plain_numbers(axes.yaxis)
    axes.legend(fontsize=7.5, frameon=False)
    _tidy(axes)
    return figure


def draw_transfer(results: dict[str, Any]) -> Figure:
    """Final error on every network and optimiser: learned against the careful baseline."""
    cells = results["cells"]
    figure = Figure(figsize=(8, 1.3 + 0.62 * len(cells)), layout="constrained")
    axes = figure.subplots()
    for row, cell in enumerate(reversed(cells)):
        shown = (
            (cell["baseline"], ORDINARY, -0.17),
            ("learned, tuned", LEARNED, 0.05),
            ("learned", LEARNED, 0.25),
        )
        for name, colour, offset in shown:
            if name in cell["contenders"]:
                value = cell["contenders"][name]["objective"]
                fill = "white" if name == "learned" else colour
                axes.plot([value["low"], value["high"]], [row + offset] * 2, color=colour)
                axes.plot(value["mean"], row + offset, "o", color=colour, markersize=6, markerfacecolor=fill)
    names = [cell["name"] + (f"\nunseen {cell['unseen']}" if cell["unseen"] else "") for cell in cells]
    axes.set_yticks(range(len(cells)), names[::-1], fontsize=8)
    for label, colour, fill in (
        ("careful baseline", ORDINARY, ORDINARY),
        ("learned, tuned", LEARNED, LEARNED),
        ("learned, recommended lr", LEARNED, "white"),
    ):
        axes.plot([], [], "o", color=colour, label=label, markerfacecolor=fill)
    axes.set(xscale="log", xlabel="normalised mean squared error at the end (95 % interval)")
    _plain_numbers(axes.xaxis)
    figure.legend(fontsize=8, frameon=False, loc="outside upper center", ncols=3)
    _tidy(axes)
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
    _tidy(axes)
    return figure


def _at(loss: LearnedLoss, prediction: Tensor, target: Tensor, progress: float, error: float) -> Tensor:
    previous, loss.reduction = loss.reduction, "none"
    try:
        with torch.no_grad():
            value: Tensor = loss(
                prediction,
                target,
                progress=torch.tensor(progress),
                batch_error=BatchError(torch.tensor(error), torch.tensor(0.0)),
                target_scale=torch.tensor(1.0),
            )
            return value
    finally:
        loss.reduction = previous


def _positive(value: Tensor) -> Tensor:
    """A loss as a logarithm takes it: what is zero, negative or not a number counts as next to nothing."""
    return value.nan_to_num(nan=0.0).clamp_min(torch.finfo(value.dtype).tiny)


def _surface(axes: Axes, axis: Tensor, value: Tensor, levels: NDArray[np.float64], title: str) -> ContourSet:
    filled = axes.contourf(axis.numpy(), axis.numpy(), value.numpy(), levels=levels, cmap="viridis")
    every = levels[::4]
    axes.contour(axis, axis, value, levels=every, colors="white", linewidths=0.4, linestyles="-")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("prediction")
    axes.set_aspect("equal")
    return filled


def _plain_numbers(axis: Axis) -> None:
    """0.1, 0.2, 0.5, 1 instead of powers of ten."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.2)

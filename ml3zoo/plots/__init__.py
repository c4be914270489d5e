"""Pictures of a loss and of how it was made. matplotlib is imported only here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ml3zoo.format.schema import parse
from ml3zoo.losses import LearnedLoss
from ml3zoo.plots.measured import draw_curves, draw_meta_training, draw_transfer
from ml3zoo.plots.problem import draw_problem
from ml3zoo.plots.style import STYLE, Figure, rc_context, save_figures

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
    """What is drawn of a method."""

    lr: _Number
    schedule: _Text
    curve: _Curve
    objective: _Interval


class _Setup(Struct, frozen=True):
    """What is drawn of a setup."""

    name: _Text
    unseen: _Text
    baseline: _Text
    observed: Annotated[list[_Count], Meta(min_length=2, max_length=10_000)]
    methods: Annotated[dict[_Text, _Contender], Meta(max_length=32)]

    def __post_init__(self) -> None:
        """Curves have a point per step observed."""
        for name, entry in self.methods.items():
            if {len(entry.curve.mean), len(entry.curve.low), len(entry.curve.high)} != {len(self.observed)}:
                raise ValueError(f"the curve of {name!r} has not {len(self.observed)} points, one per step observed")


class _Record(Struct, frozen=True):
    """What is drawn of a validation in a meta-training."""

    iteration: _Count
    validation: _Number
    best_iteration: _Count


class _Metric(Struct, frozen=True):
    """What is told of the metric."""

    name: _Text


class _Drawn(Struct, frozen=True):
    """What is drawn of ``results.json``: strangers write it too."""

    metric: _Metric = _Metric("metric")
    setups: Annotated[list[_Setup], Meta(max_length=64)] = []
    meta_training: Annotated[list[_Record], Meta(max_length=100_000)] = []


def draw_card(
    loss: LearnedLoss,
    results: dict[str, Any],
    folder: Path,
    more: Callable[[LearnedLoss], dict[str, Figure]] | None = None,
) -> list[Path]:
    """All pictures of a card.

    Args:
        loss: the loss.
        results: its ``results.json``.
        folder: existing; PNG files of the same name are replaced.
        more: draws the pictures that only this loss has, by name.

    Returns:
        The files written.

    Raises:
        ConfigError: the results are not of the form that a measurement writes.
    """
    remedy = "Measure the loss with this ml3zoo, or pull it again."
    drawn = msgspec.to_builtins(parse(_Drawn, results, "results.json", remedy))
    with rc_context(STYLE):
        pictures = draw_problem(loss)
        if drawn["setups"]:
            pictures |= {"learning_curves": draw_curves(drawn), "transfer": draw_transfer(drawn)}
        if drawn["meta_training"]:
            pictures["meta_training"] = draw_meta_training(drawn["meta_training"])
        if more is not None:
            pictures |= more(loss)
        save_figures(pictures, folder)
    return [folder / f"{name}.png" for name in pictures]

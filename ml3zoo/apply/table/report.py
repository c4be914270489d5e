"""What a comparison on a table found, as numbers and as text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml3zoo.apply.figures import MeanStd, json_number
from ml3zoo.apply.files.listing import enumerated
from ml3zoo.apply.report import Report
from ml3zoo.apply.saving import LAYERS
from ml3zoo.apply.table.methods import EvaluatedNetworks
from ml3zoo.apply.table.preparation import Column
from ml3zoo.apply.table.table import Table
from ml3zoo.apply.table.targets import Target
from ml3zoo.apply.wording import aligned, counted, grouped, shown
from ml3zoo.format.results import Schedule
from ml3zoo.tasks.optimizees import MLP

WEIGHTS = "model.safetensors"
_HOW_TO_USE = (
    f"{WEIGHTS} {LAYERS} Its inputs come from the columns, in this order: a column with a median gives "
    "one input, (value - mean) / scale, the median standing for missing and infinite values, where true counts as 1, "
    "false as 0 and a date as days since 1970-01-01 in UTC; a column with categories "
    "gives one input per category, 1 where the value as text is that category and else 0, fill standing for missing "
    "values, and, if others is true, one more input, 1 where the value is none of them. "
)


@dataclass(frozen=True)
class ValidationCurve:
    """A learning curve: mean and standard deviation over seeds at each observation; None where it diverged."""

    mean: list[float | None]
    std: list[float | None]


@dataclass(frozen=True)
class TableMethodReport:
    """One way to train, and what came of it.

    Attributes:
        label: the loss and how its run was selected.
        lr: learning rate.
        schedule: of the learning rate.
        metrics: the report's metrics on test rows, over seeds; None where training diverged.
        curve: the report's selection metric on validation rows, at the report's ``curve_steps``.
    """

    label: str
    lr: float
    schedule: Schedule
    metrics: dict[str, MeanStd]
    curve: ValidationCurve

    @classmethod
    def of(cls, networks: EvaluatedNetworks) -> TableMethodReport:
        """Means and standard deviations over a method's networks."""
        metrics = {name: MeanStd.of(values) for name, values in networks.scores.items()}
        with np.errstate(all="ignore"):
            mean, std = networks.curve.mean(1), networks.curve.std(1)
        run = networks.selected.run
        curve = ValidationCurve([*map(json_number, mean)], [*map(json_number, std)])
        return cls(networks.selected.label, run.lr, run.schedule, metrics, curve)


@dataclass(frozen=True)
class NetworkReport:
    """The network trained under the learned loss: all that is needed, besides its weights, to predict with it.

    Attributes:
        how_to_use: from a row of the table to a prediction, in words.
        sizes: of its layers.
        activation: between its layers.
        target: how the target was encoded.
        columns: how the features were encoded.
    """

    how_to_use: str
    sizes: tuple[int, ...]
    activation: str
    target: Target
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, network: MLP, table: Table) -> NetworkReport:
        """A network that learned a table."""
        how_to_use = _HOW_TO_USE + table.target.how_to_use
        return cls(how_to_use, network.sizes, network.activation, table.target, table.columns)


@dataclass(frozen=True, kw_only=True)
class TableReport(Report):
    """What ``apply_loss`` found. The difference is in the metric that the verdict names; relative in regression.

    Attributes:
        target: the column to predict.
        rows: in use.
        features: after encoding.
        dropped_rows: left out, because their target is missing.
        formats: how the files are written, where that is unusual.
        made: what was made of the columns, by what it is.
        warnings: what may make the result worthless, a sentence each.
        split: rows by part.
        test: the table of the test rows, if they have one of their own.
        metrics: what was measured on test rows: the text shown for each, by name.
        selection_metric: what runs were selected by on validation rows.
        curve_steps: gradient steps at which learning curves were observed.
        methods: the learned loss, tuned and as recommended, then its baselines.
        network: the best one trained under the learned loss.
    """

    target: str
    rows: int
    features: int
    dropped_rows: int
    formats: tuple[str, ...]
    made: dict[str, list[str]]
    warnings: tuple[str, ...]
    split: dict[str, int]
    test: str | None
    metrics: dict[str, str]
    selection_metric: str
    curve_steps: list[int]
    methods: tuple[TableMethodReport, ...]
    network: NetworkReport

    def lines(self) -> list[str]:
        """The report as text, a line each."""
        dropped = f", {counted(self.dropped_rows, 'row')} without a target left out" if self.dropped_rows else ""
        parts = ", ".join(f"{grouped(count)} {split}" for split, count in self.split.items())
        origin = f" from {self.test}" if self.test else ""
        return [
            *self.formats,
            f"{counted(self.rows, 'row')} ({parts}{origin}), {counted(self.features, 'feature')}{dropped}",
            *(f"  {what}: {enumerated(names)}" for what, names in self.made.items()),
            *(f"warning: {warning}." for warning in self.warnings),
            f"{counted(self.steps, 'full-batch step')} of {self.optimizer}; test rows, mean ± std over "
            f"{counted(self.seeds, 'seed')}:",
            *self._table(),
            self.verdict,
        ]

    def _table(self) -> list[str]:
        figures = [
            (self.metrics[name], *shown([method.metrics[name] for method in self.methods])) for name in self.metrics
        ]
        rates = ("lr", *(f"{method.lr:.2g}" for method in self.methods))
        schedules = ("schedule", *(method.schedule for method in self.methods))
        labels = ("", *(method.label for method in self.methods))
        return aligned([labels, *figures, rates, schedules])


def made_of(table: Table) -> dict[str, list[str]]:
    """What was made of a table's columns: their names, with what else there is to say, by what they were taken for."""
    made: dict[str, list[str]] = {}
    for column in table.columns:
        made.setdefault(column.kind, []).append(_with_notes(column.name, column.size, table.notes.get(column.name, "")))
    if table.left_out:
        made["left out"] = [_with_notes(name, reason) for name, reason in table.left_out.items()]
    return made


def _with_notes(name: str, *notes: str) -> str:
    told = ", ".join(filter(None, notes))
    return f"{name} ({told})" if told else name

"""What a comparison on a table found, as numbers and as text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml3zoo.apply.figures import MeanStd, json_number
from ml3zoo.apply.report import Report
from ml3zoo.apply.saving import LAYERS
from ml3zoo.apply.table.methods import EvaluatedNetworks
from ml3zoo.apply.table.preparation import Column
from ml3zoo.apply.table.table import Table
from ml3zoo.apply.table.targets import Target
from ml3zoo.format.results import Schedule
from ml3zoo.tasks.optimizees import MLP

WEIGHTS = "model.safetensors"
_HOW_TO_USE = (
    f"{WEIGHTS} {LAYERS} Its inputs come from the columns, in this order: a column with a median gives "
    "one input, (value - mean) / scale, the median standing for missing and infinite values; a column with categories "
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
    split: dict[str, int]
    test: str | None
    metrics: dict[str, str]
    selection_metric: str
    curve_steps: list[int]
    methods: tuple[TableMethodReport, ...]
    network: NetworkReport

    def lines(self) -> list[str]:
        """The report as text, a line each."""
        dropped = f", {self.dropped_rows} rows without a target left out" if self.dropped_rows else ""
        parts = ", ".join(f"{count} {split}" for split, count in self.split.items())
        origin = f" from {self.test}" if self.test else ""
        lines = [
            f"{self.rows} rows ({parts}{origin}), {self.features} features{dropped}",
            f"{self.steps} full-batch steps of {self.optimizer}; test rows, mean ± std over {self.seeds} seeds:",
        ]
        for method in self.methods:
            figures = "  ".join(f"{self.metrics[name]} {_shown(value)}" for name, value in method.metrics.items())
            lines += [f"  {method.label} (lr {method.lr:.2g}, {method.schedule})", f"    {figures}"]
        return [*lines, self.verdict]


def _shown(value: MeanStd) -> str:
    return "diverged" if value.mean is None else f"{value.mean:.4g} ± {value.std:.2g}"

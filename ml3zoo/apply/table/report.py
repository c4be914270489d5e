"""What a comparison found, as numbers and as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ml3zoo.apply.figures import json_number, mean_and_spread
from ml3zoo.apply.table.methods import TableOutcome
from ml3zoo.apply.table.preparation import Column
from ml3zoo.apply.table.tabular import Table
from ml3zoo.meta.inner import Schedule
from ml3zoo.tasks.optimizees import MLP

WEIGHTS = "model.safetensors"
LAYERS = (
    "holds a torch.nn.Sequential of Linear layers of these sizes with the activation between them (0.weight, 0.bias, "
    "2.weight, ...)."
)
_HOW_TO_USE = (
    f"{WEIGHTS} {LAYERS} Its inputs come from the columns, in this order: a column with a median gives "
    "one input, (value - mean) / scale, the median standing for missing and infinite values; a column with categories "
    "gives one input per category, 1 where the value as text is that category and else 0, fill standing for missing "
    "values, and, if others is true, one more input, 1 where the value is none of them. "
)


@dataclass(frozen=True)
class MethodReport:
    """One way to train.

    Attributes:
        label: a loss and how its run was chosen.
        lr: learning rate.
        schedule: of the learning rate.
        metrics: the report's metrics on test rows, each ``{"mean", "std"}``; None where it diverged.
        curve: mean and std over seeds of the report's selection_metric, at the report's ``curve_steps``.
    """

    label: str
    lr: float
    schedule: Schedule
    metrics: dict[str, dict[str, float | None]]
    curve: dict[str, list[float | None]]

    @classmethod
    def of(cls, outcome: TableOutcome) -> MethodReport:
        """Means and standard deviations of what came of a method."""
        metrics = {name: mean_and_spread(values) for name, values in outcome.scores.items()}
        with np.errstate(all="ignore"):
            curve = {
                "mean": [json_number(v) for v in outcome.curve.mean(1)],
                "std": [json_number(v) for v in outcome.curve.std(1)],
            }
        run = outcome.method.run
        return cls(outcome.method.label, run.lr, run.schedule, metrics, curve)


@dataclass(frozen=True)
class NetworkReport:
    """The network trained under the learned loss: all that is needed, besides its weights, to predict with it.

    ``target``: how the target was encoded; in JSON its entries stand beside the others.
    """

    how_to_use: str
    sizes: tuple[int, ...]
    activation: str
    target: dict[str, Any]
    columns: tuple[Column, ...]

    @classmethod
    def of(cls, network: MLP, table: Table) -> NetworkReport:
        """A network that learned a table."""
        how_to_use = _HOW_TO_USE + table.target.how_to_use
        return cls(how_to_use, network.sizes, network.activation, table.target.described(), table.columns)


@dataclass(frozen=True)
class ApplyReport:
    """What ``apply_loss`` found.

    Attributes:
        metrics: what was measured on test rows, by name: how it is shown.
        selection_metric: what runs were chosen by on validation rows.
        test: the table of the test rows, if they have one of their own.
        baseline: label of the ordinary loss that the learned one is compared with.
        difference: gap to it in the metric that the verdict names, paired over seeds, with its 95 % t interval;
            relative in regression.
    """

    name: str
    target: str
    rows: int
    features: int
    dropped_rows: int
    split: dict[str, int]
    test: str | None
    steps: int
    seeds: int
    optimizer: str
    metrics: dict[str, str]
    selection_metric: str
    curve_steps: list[int]
    methods: tuple[MethodReport, ...]
    baseline: str
    difference: dict[str, float | None]
    verdict: str
    network: NetworkReport

    def lines(self) -> list[str]:
        """The report as text, a line each."""
        dropped = f", {self.dropped_rows} rows without a target left out" if self.dropped_rows else ""
        parts = ", ".join(f"{count} {split}" for split, count in self.split.items())
        origin = f" from {self.test}" if self.test else ""
        lines = [
            f"{self.rows} rows ({parts}{origin}), {self.features} features{dropped}",
            f"{self.steps} full-batch steps of {self.optimizer}; held-out figures over {self.seeds} seeds:",
        ]
        for method in self.methods:
            figures = "  ".join(f"{self.metrics[name]} {_shown(value)}" for name, value in method.metrics.items())
            lines += [f"  {method.label} (lr {method.lr:.2g}, {method.schedule})", f"    {figures}"]
        return [*lines, self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        values["network"] |= values["network"].pop("target")
        return values


def _shown(value: dict[str, float | None]) -> str:
    return "diverged" if value["mean"] is None else f"{value['mean']:.4g} ± {value['std']:.2g}"

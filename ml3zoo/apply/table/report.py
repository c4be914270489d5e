"""What a comparison on a table found, as numbers and as text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml3zoo.apply.figures import MeanStd, json_number
from ml3zoo.apply.files.listing import enumerated
from ml3zoo.apply.report import Report
from ml3zoo.apply.saving import LAYERS
from ml3zoo.apply.table.conclusion import Comparing
from ml3zoo.apply.table.measures.classification import POINTS
from ml3zoo.apply.table.preparation import Column
from ml3zoo.apply.table.table import Table
from ml3zoo.apply.table.targets import Target
from ml3zoo.apply.table.training import Training
from ml3zoo.apply.table.trials import Trial
from ml3zoo.apply.verdict import Difference, MetricFormat
from ml3zoo.apply.wording import aligned, counted, grouped, shown
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
    """A learning curve: mean and standard deviation over splits at each observation; None where it diverged."""

    mean: list[float | None]
    std: list[float | None]


@dataclass(frozen=True)
class TableMethodReport:
    """One way to train, and what came of it.

    Attributes:
        loss: its name.
        label: the loss and how its learning rate was selected.
        learned: whether the loss was.
        lr: learning rate, at its highest.
        metrics: the report's metrics on test rows, over splits; None where training diverged.
        difference: to the problem type's ordinary loss, tuned, in the metric that losses are compared by; relative in
            regression.
        curve: the report's selection metric on validation rows, at the report's ``curve_steps``.
    """

    loss: str
    label: str
    learned: bool
    lr: float
    metrics: dict[str, MeanStd]
    difference: Difference
    curve: ValidationCurve

    @classmethod
    def of(cls, trial: Trial, way: str, difference: Difference) -> TableMethodReport:
        """Means and standard deviations over a trial's networks."""
        metrics = {name: MeanStd.of(values) for name, values in trial.scores.items()}
        with np.errstate(all="ignore"):
            mean, std = trial.curve.mean(1), trial.curve.std(1)
        curve = ValidationCurve([*map(json_number, mean)], [*map(json_number, std)])
        candidate = trial.candidate
        label = f"{candidate}, {way}"
        return cls(candidate.name, label, candidate.learned, trial.lr, metrics, difference, curve)


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
    """What ``apply_loss`` or ``choose_loss`` found. The difference is in ``metric``; relative in regression.

    Attributes:
        target: the column to predict.
        rows: in use.
        features: after encoding.
        formats: how the files are written, where that is unusual.
        made: what was made of the columns, by what it is.
        left_out: columns that give no feature, by why.
        warnings: what may make the result worthless, a sentence each.
        without_target: rows left out, because their target is missing.
        beyond: rows left out, because there are more than were asked for.
        split: rows by part.
        splits: of the table, each with a network of every method.
        test: the table of the test rows, if they have one of their own.
        metric: what losses are compared by on test rows.
        metrics: all that was measured there: the text shown for each, by name.
        unit: of differences times 100.
        selection_metric: what runs were selected by on validation rows.
        curve_steps: gradient steps at which learning curves were observed.
        methods: each finalist swapped in and tuned, the best on validation rows first.
        untried: losses that there was no time for.
        use: lines of Python that use the loss.
        network: the one saved: trained under the loss on the first split.
    """

    target: str
    rows: int
    features: int
    formats: tuple[str, ...]
    made: dict[str, list[str]]
    left_out: dict[str, list[str]]
    warnings: tuple[str, ...]
    without_target: int
    beyond: int
    split: dict[str, int]
    splits: int
    test: str | None
    metric: str
    metrics: dict[str, str]
    unit: str
    selection_metric: str
    curve_steps: list[int]
    methods: tuple[TableMethodReport, ...]
    untried: list[str]
    use: str
    network: NetworkReport

    def lines(self) -> list[str]:
        """The report as text, a line each."""
        missing = f"; {counted(self.without_target, 'row')} without a target left out" if self.without_target else ""
        drawn = f"; drawn out of {grouped(self.rows + self.beyond)}" if self.beyond else ""
        parts = ", ".join(f"{grouped(count)} {split}" for split, count in self.split.items())
        origin = f" from {self.test}" if self.test else ""
        late = f"Not tried, for want of time: {', '.join(self.untried)}." if self.untried else ""
        return [
            *self.formats,
            f"{counted(self.rows, 'row')} ({parts}{origin}), {counted(self.features, 'feature')}{drawn}{missing}",
            *(f"  {what}: {enumerated(names)}" for what, names in self.made.items()),
            *(f"  left out: {enumerated(names)} ({reason})" for reason, names in self.left_out.items()),
            *(f"warning: {warning}." for warning in self.warnings),
            f"{self.optimizer}; stopped early by {self.selection_metric}; {counted(self.splits, 'split')}",
            *self._table(),
            self.verdict,
            *([late] if late else []),
            *(f"    {line}" for line in self.use.splitlines()),
        ]

    def _table(self) -> list[str]:
        """The methods, with the 95 % interval of what each changes against the problem type's ordinary loss."""
        metric, values = self.metrics[self.metric], [method.metrics[self.metric] for method in self.methods]
        if self.unit == POINTS:
            metric, values = f"{metric}, %", [value.times(100) for value in values]
        columns = [
            ("loss", *(method.label for method in self.methods)),
            ("lr", *(f"{method.lr:.2g}" for method in self.methods)),
            (f"test {metric}", *shown(values)),
            ("change", *(_change(method.difference, self.unit) for method in self.methods)),
        ]
        return aligned(columns)


def report_on(
    found: Comparing, training: Training, name: str | Path | None, target: str, test: Path | None, network: MLP
) -> TableReport:
    """The report on a comparison of losses."""
    table, outcome, measure = found.table, found.outcome, found.measure
    usual, trial = outcome.usual.tuned, found.trial
    finalists = sorted((outcome.usual, *outcome.finalists), key=lambda each: each.best.score)
    methods = [
        TableMethodReport.of(each, way, found.difference(each, usual))
        for finalist in finalists
        for each, way in finalist.ways
    ]
    versus = usual if trial.candidate == found.baseline.candidate else found.baseline
    return TableReport(
        name=str(trial.candidate.name if name is None else name),
        target=target,
        rows=table.rows,
        features=table.features,
        formats=table.formats,
        made=made_of(table),
        left_out=left_out_of(table),
        warnings=table.warnings,
        without_target=table.without_target,
        beyond=table.beyond,
        split={split: len(rows) for split, rows in table.deal(0).items()},
        splits=trial.splits,
        test=None if test is None else str(test),
        steps=training.steps,
        optimizer=str(training),
        metric=found.metric,
        metrics=dict(measure.metrics),
        unit=measure.unit,
        selection_metric=measure.comparisons[found.metric].selection_metric.label,
        curve_steps=[*range(training.observe_every, training.steps + 1, training.observe_every)],
        methods=tuple(methods),
        untried=[str(each) for each in outcome.untried],
        baseline=f"{versus.candidate}, tuned",
        difference=found.difference(trial, versus),
        verdict=found.verdict,
        use=f"{trial.candidate.use}  # {training.optimizer}, lr {trial.lr:.2g}",
        network=NetworkReport.of(network, table),
    )


def _change(difference: Difference, unit: str) -> str:
    if difference.low is None or difference.high is None:
        return ""
    return MetricFormat(metric="", unit=unit, factor=100, digits=".1f").interval(difference.low, difference.high)


def made_of(table: Table) -> dict[str, list[str]]:
    """What was made of a table's columns: their names, with what else there is to say, by what they were taken for."""
    made: dict[str, list[str]] = {}
    for column in table.columns:
        made.setdefault(column.kind, []).append(_with_notes(column.name, column.size, table.notes.get(column.name, "")))
    return made


def left_out_of(table: Table) -> dict[str, list[str]]:
    """Names of the columns that give no feature, by why."""
    reasons: dict[str, list[str]] = {}
    for name, reason in table.left_out.items():
        reasons.setdefault(reason, []).append(name)
    return reasons


def _with_notes(name: str, *notes: str) -> str:
    told = ", ".join(filter(None, notes))
    return f"{name} ({told})" if told else name

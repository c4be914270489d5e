"""``apply_loss``: from a loss and a table to a report."""

from __future__ import annotations

from pathlib import Path

from ml3zoo.apply.counts import check_counts
from ml3zoo.apply.table.measures import Comparison, measure_of
from ml3zoo.apply.table.methods import RUNS, TableTrainer
from ml3zoo.apply.table.report import ApplyReport, MethodReport, NetworkReport
from ml3zoo.apply.table.saving import check_place, save_report
from ml3zoo.apply.table.tabular import read_table
from ml3zoo.apply.table.task import TableTask
from ml3zoo.apply.verdict import difference, verdict
from ml3zoo.errors import InputError
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.optimizers import optimizer_of
from ml3zoo.meta.progress import counting_bar
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.zoo.loading import load_loss

_HIDDEN = (64, 32)


def apply_loss(
    name: str | Path,
    data: Path,
    target: str,
    *,
    test: Path | None = None,
    baselines: bool = False,
    steps: int | None = None,
    seeds: int = 5,
    out: Path | None = None,
    plot: bool = True,
) -> ApplyReport:
    """Train a small network on a table under a learned loss and under ordinary ones, learning rates tuned.

    Args:
        name: a loss of the zoo, or the path of its folder.
        data: a ``.csv`` or ``.parquet`` file.
        target: name of the column to predict: numbers for a regression loss, classes for a classification loss.
        test: another such file with the same columns, whose rows are the test rows; without it, they come from
            ``data``.
        baselines: compare with the best of several ordinary losses, robust ones among them, instead of with the
            kind's own (squared error, cross-entropy). Runs of regression are then chosen by absolute instead of
            squared error on validation rows, and losses compared by it on test rows.
        steps: full-batch training steps; as many as the loss was made for if not given.
        seeds: networks trained per method.
        out: folder for the network, predictions, report and picture; an earlier report there is replaced.
        plot: draw ``learning_curves.png`` into ``out``.

    Raises:
        DataError: a table cannot be learned from, or the two do not fit together.
        InputError: steps or seeds are out of range, or the loss is for no problem that a table poses, or needs more.
        OutputError: ``out`` cannot be written or holds something else.
        MissingExtraError: pandas, scikit-learn or matplotlib is not installed.
    """
    check_counts(steps, seeds)
    loss = load_loss(name)
    measure = measure_of(loss.config)
    if loss.config.uses_feature:
        raise InputError(
            f"{loss.config.name} looks at a feature of each point besides prediction and target, which a table does "
            f"not tell: a loss without one was expected. Its card shows its use in Python: ml3zoo info {name}"
        )
    comparison = measure.robust if baselines else measure.usual
    if out is not None:
        check_place(out, plot)
    table = read_table(data, target, of=measure.target, test=test)
    inner = loss.config.inner
    steps = steps or inner.steps
    optimizer = optimizer_of(inner)
    network = MLP((table.features, *_HIDDEN, table.target.outputs), "ReLU")
    total = 2 + RUNS + len(comparison.baselines) * (1 + RUNS)
    with reproducible_compute(), counting_bar("training", total) as note:
        trainer = TableTrainer(TableTask(table, network), measure, comparison.selection_metric, optimizer, steps, note)
        learned = trainer.tuned("learned, tuned", loss, inner.lr)
        recommended = trainer.recommended("learned, recommended lr", loss, inner.lr)
        ordinary = {
            one.name: trainer.tuned(f"{one.name}, tuned", one.make(), inner.usual_lr) for one in comparison.baselines
        }
        outcomes = {one.label: trainer.outcome(one, seeds) for one in (learned, recommended, *ordinary.values())}
    best = min(ordinary, key=lambda one: ordinary[one].score)
    ours, theirs = (outcomes[one.label].scores for one in (learned, ordinary[best]))
    found = difference(measure.gap(ours[comparison.headline], theirs[comparison.headline]))
    told = verdict(
        f"tuned {loss.config.name}", _rival(best, comparison), found, measure.metric_format(comparison.headline), seeds
    )
    report = ApplyReport(
        name=str(name),
        target=target,
        rows=table.rows,
        features=table.features,
        dropped_rows=table.dropped,
        split={split: len(part) for split, part in table.y.items()},
        test=None if test is None else str(test),
        steps=steps,
        seeds=seeds,
        optimizer=str(optimizer),
        metrics=dict(measure.metrics),
        selection_metric=comparison.selection_metric.label,
        curve_steps=list(range(0, steps + 1, trainer.every)),
        methods=tuple(MethodReport.of(outcome) for outcome in outcomes.values()),
        baseline=ordinary[best].label,
        difference=found,
        verdict=f"{told} {measure.caveat(comparison.headline, ours, theirs)}".rstrip(),
        network=NetworkReport.of(network, table),
    )
    if out is not None:
        compared = {one: outcomes[method.label] for one, method in ordinary.items()}
        save_report(report, outcomes[learned.label], compared, table, out, plot)
    return report


def _rival(best: str, comparison: Comparison) -> str:
    others = f" (best of {len(comparison.baselines)} ordinary losses)" if len(comparison.baselines) > 1 else ""
    return f"tuned {best}{others}"

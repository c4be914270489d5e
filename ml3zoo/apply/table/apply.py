"""``apply_loss``: from a loss and a table to a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ml3zoo.apply.counts import check_counts
from ml3zoo.apply.saving import check_output
from ml3zoo.apply.table.measures import Comparison, measure_of
from ml3zoo.apply.table.methods import RUNS, TableTrainer
from ml3zoo.apply.table.report import NetworkReport, TableMethodReport, TableReport, made_of
from ml3zoo.apply.table.saving import save_table_report
from ml3zoo.apply.table.table import Reading, read_table
from ml3zoo.apply.table.task import TableTask
from ml3zoo.apply.verdict import Difference, verdict
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
    missing: Sequence[str] = (),
    drop: Sequence[str] = (),
    keep: Sequence[str] = (),
    baselines: bool = False,
    steps: int | None = None,
    seeds: int = 5,
    out: Path | None = None,
    plot: bool = True,
) -> TableReport:
    """Train a small network on a table under a learned loss and under ordinary ones, all learning rates tuned.

    Args:
        name: a loss of the zoo, or the path of its folder.
        data: a ``.csv`` or ``.parquet`` file, or another file of text with a header and separated fields; text may be
            compressed, as in ``.csv.gz``.
        target: name of the column to predict: numbers for a regression loss, classes for a classification loss.
        test: another such file with the same columns, whose rows are the test rows; without it, they come from
            ``data``.
        missing: texts that mean a missing value, such as ``"NA"``; an empty cell always does.
        drop: names of columns to leave out.
        keep: names of columns to learn from, even if they seem to name the rows.
        baselines: compare with the best of several ordinary losses, robust ones among them, instead of with the
            problem type's own (squared error, cross-entropy). In regression, runs are then selected by absolute
            instead of squared error on validation rows, and losses compared by it on test rows.
        steps: full-batch training steps; as many as the loss was made for if not given.
        seeds: networks trained per method.
        out: folder for the network, predictions, report and picture. An earlier report there is replaced without a
            question; a folder that holds anything else is refused.
        plot: draw ``learning_curves.png`` into ``out``.

    Raises:
        DataError: a table cannot be learned from, or the two do not fit together.
        InputError: steps or seeds are out of range, or the loss is for another problem type or needs a feature.
        OutputError: ``out`` cannot be written or holds something else.
        MissingExtraError: pandas, scikit-learn or matplotlib is not installed.
    """
    check_counts(steps, seeds)
    loss = load_loss(name)
    measure = measure_of(loss.config)
    if loss.config.uses_feature:
        raise InputError(
            f"{loss.config.name} takes a feature of each point besides prediction and target, which a table does not "
            f"have: a loss without a feature was expected. Its card shows its use in Python: ml3zoo info {name}"
        )
    comparison = measure.robust if baselines else measure.usual
    if out is not None:
        check_output(out, plot)
    table = read_table(data, target, of=measure.target, test=test, reading=Reading(missing, drop, keep))
    if loss.config.uses_class_counts:
        loss.target_options(class_counts=table.y["train"].bincount(minlength=table.target.outputs))
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
        evaluated = {one.label: trainer.evaluate(one, seeds) for one in (learned, recommended, *ordinary.values())}
    best = min(ordinary, key=lambda one: ordinary[one].score)
    baseline = ordinary[best].label
    headline, ours, theirs = comparison.headline, evaluated[learned.label].scores, evaluated[baseline].scores
    difference = Difference.of(measure.gap(ours[headline], theirs[headline]))
    sentence = verdict(
        f"tuned {loss.config.name}", _in_words(best, comparison), difference, measure.metric_format(headline), seeds
    )
    report = TableReport(
        name=str(name),
        target=target,
        rows=table.rows,
        features=table.features,
        dropped_rows=table.dropped,
        formats=table.formats,
        made=made_of(table),
        warnings=table.warnings,
        split={split: len(part) for split, part in table.y.items()},
        test=None if test is None else str(test),
        steps=steps,
        seeds=seeds,
        optimizer=str(optimizer),
        metrics=dict(measure.metrics),
        selection_metric=comparison.selection_metric.label,
        curve_steps=list(range(0, steps + 1, trainer.observe_every)),
        methods=tuple(map(TableMethodReport.of, evaluated.values())),
        baseline=baseline,
        difference=difference,
        verdict=f"{sentence} {measure.caveat(headline, ours, theirs)}".rstrip(),
        network=NetworkReport.of(network, table),
    )
    if out is not None:
        networks = {one: evaluated[selected.label] for one, selected in ordinary.items()}
        save_table_report(report, evaluated[learned.label], networks, table, out, plot)
    return report


def _in_words(best: str, comparison: Comparison) -> str:
    """The baseline, as in "tuned MSE (best of 4 ordinary losses)"."""
    others = f" (best of {len(comparison.baselines)} ordinary losses)" if len(comparison.baselines) > 1 else ""
    return f"tuned {best}{others}"

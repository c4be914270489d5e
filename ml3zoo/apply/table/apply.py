"""``apply_loss``: from losses and a table to a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ml3zoo.apply.counts import check_counts
from ml3zoo.apply.saving import check_output
from ml3zoo.apply.table.candidates import fitting, named, ordinary
from ml3zoo.apply.table.cells import Cells
from ml3zoo.apply.table.conclusion import Comparing
from ml3zoo.apply.table.measures import measure_for, measure_of, problem_type_of
from ml3zoo.apply.table.measures.base import Measure
from ml3zoo.apply.table.race import Race
from ml3zoo.apply.table.report import TableReport, report_on
from ml3zoo.apply.table.saving import save_table_report
from ml3zoo.apply.table.splits import TableSplits
from ml3zoo.apply.table.table import Reading, Table, read_table
from ml3zoo.apply.table.training import Training
from ml3zoo.apply.table.trials import Trials
from ml3zoo.errors import InputError, did_you_mean
from ml3zoo.format.config import read_config
from ml3zoo.format.optimizers import OptimizerName
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.identity import identity_of
from ml3zoo.meta.progress import progress_bar
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.zoo.names import locate

_HIDDEN = (64, 32)
MOST_ROWS = 10_000
SPLITS = 10


def apply_loss(
    name: str | Path | None,
    data: Path,
    target: str,
    *,
    problem_type: str | None = None,
    test: Path | None = None,
    missing: Sequence[str] = (),
    drop: Sequence[str] = (),
    keep: Sequence[str] = (),
    baselines: bool = False,
    metric: str | None = None,
    optimizer: OptimizerName = "adamw",
    epochs: int | None = None,
    splits: int = SPLITS,
    rows: int = MOST_ROWS,
    time_limit: float | None = None,
    out: Path | None = None,
    plot: bool = True,
    tell: Callable[[str], None] = lambda text: None,
) -> TableReport:
    """Train small networks on a table under learned and ordinary losses, as people train, and compare them.

    Every network learns a random split of the table. Each loss is swapped in, at the learning rate that is best for
    the problem type's ordinary loss, and tuned, at its own best; its recommended rate is among those tried.

    Args:
        name: a loss of the zoo, or the path of its folder. None for all losses of the zoo that fit the table and all
            ordinary ones: they are tried on a few splits, the best of them again at more learning rates, the best of
            those on all splits (successive halving).
        data: a ``.csv`` or ``.parquet`` file, or another file of text with a header and separated fields; text may be
            compressed, as in ``.csv.gz``.
        target: name of the column to predict: numbers for a regression loss, classes for a classification loss.
        problem_type: without a name: ``"regression"`` or ``"classification"``. If not given, text, booleans and at most
            20 different whole numbers are classes.
        test: another such file with the same columns, whose rows are the test rows; without it, they come from
            ``data``.
        missing: texts that mean a missing value, such as ``"NA"``; an empty cell always does.
        drop: names of columns to leave out.
        keep: names of columns to learn from, even if they seem to name the rows.
        baselines: compare with the best of many ordinary losses, robust ones among them, instead of with the
            problem type's own alone (squared error, cross-entropy). In regression by absolute instead of squared
            error, if no metric is given.
        metric: what losses are compared by: ``"error_rate"`` or ``"balanced_error_rate"``, ``"rmse"`` or ``"mae"``.
        optimizer: ``"adamw"``, ``"adam"`` or ``"sgd"`` (with momentum 0.9), under a cosine schedule.
        epochs: through the training rows; 40 if not given, but 400 to 1,000 steps.
        splits: of the table; every method trains a network on each.
        rows: of more, so many are drawn at random.
        time_limit: seconds after which no more losses are tried; the best so far are still compared to the end.
        out: folder for the network, predictions, report and picture. An earlier report there is replaced without a
            question; a folder that holds anything else is refused. What is trained is kept beside it in
            ``OUT.trials.json`` until the report is there: after an interruption the same call goes on.
        plot: draw pictures into ``out``.
        tell: called with a sentence on what the work will take, once that is known.

    Raises:
        DataError: a table cannot be learned from, or the two do not fit together.
        InputError: a number is out of range, or the loss is for another problem type or needs a feature.
        OutputError: ``out`` cannot be written or holds something else.
        MissingExtraError: pandas, scikit-learn or matplotlib is not installed.
    """
    check_counts(epochs=epochs, splits=splits, rows=rows)
    reading = Reading(missing, drop, keep)
    source: Path | Cells = data
    if name is not None:
        measure = measure_of(read_config(locate(name).folder))
    elif problem_type is not None:
        measure = measure_for(problem_type)
    else:
        source = reading.cells(data, target)
        measure = measure_for(problem_type_of(source, target))
    by = _metric(measure, metric or (measure.robust if baselines else None))
    usual, *rivals = ordinary(measure.comparisons[by].baselines)
    learned = fitting(measure.target.problem_type, optimizer) if name is None else [named(name, optimizer)]
    others = (*learned, *(rivals if baselines or name is None else ()))
    if out is not None:
        check_output(out, plot)
    table = read_table(source, target, of=measure.target, test=test, reading=reading, most=rows)
    training = Training.on(len(table.deal(0)["train"]), optimizer, epochs)
    network = MLP((table.features, *_HIDDEN, table.target.outputs), "ReLU")
    journal = out and out.with_name(f"{out.name}.trials.json")
    family, selection_metric = TableSplits(table, network), measure.comparisons[by].selection_metric
    fingerprint = _fingerprint(table, training, by)
    trials = Trials(family, measure, selection_metric, training, journal, fingerprint)
    kept = frozenset(others[:1] if name is not None else ())
    race = Race(trials, usual, others, kept, splits, time_limit)
    with reproducible_compute(), progress_bar("training", race.networks) as advance:
        trials.note = advance
        outcome = race.run(tell)
        found = Comparing(outcome, measure, by, table, name is not None)
        report = report_on(found, training, name, target, test, network)
        if out is not None:
            save_table_report(report, found, trials, out, plot)
    if journal is not None:
        journal.unlink(missing_ok=True)
    return report


def _metric(measure: Measure, wanted: str | None) -> str:
    """What losses are compared by.

    Raises:
        InputError: networks are not measured by it.
    """
    known = tuple(measure.comparisons)
    if wanted is not None and wanted not in known:
        raise InputError(
            f"losses cannot be compared by {wanted!r}: {' or '.join(known)} was expected.{did_you_mean(wanted, known)}"
        )
    return wanted or known[0]


def _fingerprint(table: Table, training: Training, by: str) -> str:
    """Of all that the training of a loss depends on, but the loss."""
    read = {"x": table.x, "y": table.y, "strata": table.strata, "columns": table.columns, "target": table.target}
    return identity_of(training=training, by=by, **read).digest()

"""The folder of a comparison on a table: the network, its predictions, the report and a picture."""

from __future__ import annotations

from pathlib import Path

from ml3zoo.apply.saving import drawing, report_folder, save_network
from ml3zoo.apply.table.conclusion import Comparing
from ml3zoo.apply.table.report import WEIGHTS, TableReport
from ml3zoo.apply.table.trials import Trials


def save_table_report(report: TableReport, found: Comparing, trials: Trials, out: Path, plot: bool) -> None:
    """Write everything, in place of an earlier report.

    Args:
        report: what was found.
        found: the same as trials; the network of the loss used is saved, and the predictions of the usual loss too.
        trials: trains them once more, on the first split.
        out: the folder.
        plot: draw ``learning_curves.png`` and ``ranking.png``.

    Raises:
        OutputError: the folder cannot be written.
    """
    import pandas as pd

    table, usual = found.table, found.outcome.usual.tuned
    rows = table.test_rows
    networks = {str(trial.candidate): trials.networks(trial) for trial in (found.trial, usual)}
    x = table.x[rows][None]
    predictions = {name: table.target.decode(trials.family.outputs(params, x))[0] for name, params in networks.items()}
    truth = {"index": table.index[rows], "target": table.truth[rows]}
    with report_folder(report, out) as folder:
        save_network(networks[str(found.trial.candidate)], 0, folder / WEIGHTS)
        pd.DataFrame(truth | predictions).to_csv(folder / "predictions.csv", index=False)
        if plot:
            from ml3zoo.apply.table.drawing import draw_report

            with drawing():
                draw_report(report, folder)

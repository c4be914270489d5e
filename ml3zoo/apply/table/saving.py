"""The folder of a comparison on a table: the network, its predictions, the report and a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ml3zoo.apply.saving import report_folder, save_network
from ml3zoo.apply.table.methods import EvaluatedNetworks
from ml3zoo.apply.table.report import WEIGHTS, TableReport
from ml3zoo.apply.table.table import Table


def save_table_report(
    report: TableReport,
    learned: EvaluatedNetworks,
    ordinary: Mapping[str, EvaluatedNetworks],
    table: Table,
    out: Path,
    plot: bool,
) -> None:
    """Write everything, in place of an earlier report.

    Args:
        report: what was found.
        learned: networks of the learned loss; the best one is saved.
        ordinary: those of each ordinary loss, by its name; the predictions of the best ones are saved.
        table: what they learned.
        out: the folder.
        plot: draw ``learning_curves.png``.

    Raises:
        OutputError: the folder cannot be written.
    """
    import pandas as pd

    columns = {"learned": learned, **{name.lower(): networks for name, networks in ordinary.items()}}
    predictions = {name: table.target.decode(each.output[each.best]) for name, each in columns.items()}
    truth = {"index": table.index["test"], "target": table.truth}
    with report_folder(report, out) as folder:
        save_network(learned.params, learned.best, folder / WEIGHTS)
        pd.DataFrame(truth | predictions).to_csv(folder / "predictions.csv", index=False)
        if plot:
            from ml3zoo.apply.table.drawing import draw_curves

            draw_curves(report, folder)

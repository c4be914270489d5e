"""The folder of a comparison: the network, its predictions, the report and a picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from ml3zoo.apply.table.methods import TableOutcome
from ml3zoo.apply.table.report import WEIGHTS, ApplyReport
from ml3zoo.apply.table.tabular import Table
from ml3zoo.format.files import check_replaceable, contents, make_folder, replacing_folder, sha256, write_text

REPORT = "report.json"


def check_place(out: Path, plot: bool) -> None:
    """See that a report can be saved to a folder.

    Raises:
        OutputError: it cannot be written or holds something else.
        MissingExtraError: a picture is wanted and matplotlib is not installed.
    """
    make_folder(out.parent)
    check_replaceable(out, REPORT)
    if plot:
        import ml3zoo.plots.style  # noqa: F401


@contextmanager
def report_folder(report: dict[str, Any], out: Path) -> Iterator[Path]:
    """Yield an empty folder to fill; on success it stands in the place of ``out``, with the report and hashes of all.

    Raises:
        OutputError: the folder cannot be written.
    """
    with replacing_folder(out) as folder:
        yield folder
        hashes = {name: sha256(folder / name) for name in sorted(contents(folder))}
        write_text(folder / REPORT, json.dumps(report | {"sha256": hashes}, indent=2) + "\n")


def save_report(
    report: ApplyReport, learned: TableOutcome, ordinary: dict[str, TableOutcome], table: Table, out: Path, plot: bool
) -> None:
    """Write everything, in place of an earlier report.

    Args:
        report: what was found.
        learned: of the learned loss; its best network is saved.
        ordinary: of each ordinary loss, by its name; the predictions of their best networks are saved.
        table: what was learned.
        out: the folder.
        plot: draw ``learning_curves.png``.

    Raises:
        OutputError: the folder cannot be written.
    """
    import pandas as pd

    columns = {"learned": learned} | {name.lower(): outcome for name, outcome in ordinary.items()}
    predictions = {name: table.target.decode(outcome.output[outcome.best]) for name, outcome in columns.items()}
    truth = {"index": table.index["test"], "target": table.truth}
    with report_folder(report.as_dict(), out) as folder:
        save_file({k: p[learned.best].contiguous() for k, p in learned.params.items()}, folder / WEIGHTS)
        pd.DataFrame(truth | predictions).to_csv(folder / "predictions.csv", index=False)
        if plot:
            from ml3zoo.apply.table.drawing import draw_curves

            draw_curves(report, folder / "learning_curves.png")

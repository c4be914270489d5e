"""``ml3zoo apply``: would it help me?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import Json, Name, say, show_json, talk


def apply(
    name: Name,
    data: Annotated[Path, typer.Argument(help="A CSV or Parquet file.", show_default=False)],
    target: Annotated[str, typer.Option(help="The column to predict.", show_default=False)],
    test: Annotated[
        Path | None,
        typer.Option(
            help="Another file with the same columns to test on, say with clean labels; all of DATA is then trained "
            "and tuned on.",
            show_default=False,
        ),
    ] = None,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines",
            help="Compare with the best of several ordinary losses, robust ones among them. In regression all are "
            "then tuned and compared by absolute instead of squared error, which wrong rows sway less.",
        ),
    ] = False,
    steps: Annotated[int, typer.Option(min=0, help="Gradient steps; 0: what the loss was made for.")] = 0,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings per loss.")] = 5,
    out: Annotated[
        Path | None, typer.Option(help="Save model, predictions and picture here.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """See whether a loss helps on your table.

    Trains a network on it under the learned loss and under squared error (for numbers) or cross-entropy (for classes),
    all tuned on validation rows, and compares them on test rows.
    """
    from ml3zoo.compare import apply_loss

    report = apply_loss(name, data, target, test=test, baselines=baselines, steps=steps, seeds=seeds, out=out)
    if json:
        show_json(report.as_dict())
        return
    for line in report.lines():
        say(line)
    if out is not None:
        talk(f"saved in {out}")

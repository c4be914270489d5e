"""``ml3zoo bench``: recompute a card's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .output import LOSS, Json, Quick, say, show_json, talk

if TYPE_CHECKING:
    from ml3zoo.recipe.bench import BenchReport


def bench(
    name: Annotated[str | None, LOSS] = None,
    recipe: Annotated[
        str | None, typer.Option(help="The loss's own recipe, a file that is run.", show_default=False)
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--all", help="Every bundled card, which takes hours; with --quick the headlines, in minutes."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Where --all writes its results; what is there already is not measured again. Not given: bench.json.",
            show_default=False,
        ),
    ] = None,
    quick: Quick = False,
    json: Json = False,
) -> None:
    """Recompute a card's numbers.

    Exits with 1 if one differs.
    """
    from ml3zoo.errors import InputError

    if every == (name is not None):
        raise InputError(f"got {'NAME and --all' if every else 'neither NAME nor --all'}: give one of them.")
    if every and recipe is not None:
        raise InputError("got --recipe and --all: bundled losses have recipes of their own. Leave --recipe out.")
    if out is not None and not every:
        raise InputError("got --out without --all: the numbers of one card are printed. Add --json, or leave it out.")
    if name is None:
        differs = _bench_all(out or Path("bench.json"), quick, json)
    else:
        from ml3zoo.recipe.bench import rerun

        report = rerun(name, recipe=recipe, quick=quick)
        differs = report.differs
        _show(report, json)
    if differs:
        raise typer.Exit(1)


def _show(report: BenchReport, json: bool) -> None:
    if json:
        show_json(report.as_dict())
        return
    for line in report.lines():
        say(line)
    talk(report.verdict)


def _bench_all(out: Path, quick: bool, json: bool) -> bool:
    """A line per bundled loss; whether one differs."""
    from ml3zoo.meta.progress import counting_bar
    from ml3zoo.recipe.reproduction import read_reproduction, reproduce
    from ml3zoo.zoo.names import list_losses

    with counting_bar("bench", len(list_losses())) as done:
        for loss in reproduce(out, quick=quick):
            done(loss.name)
            if not json:
                say(f"{loss.name}: {loss.text}")
    found = read_reproduction(out)
    if json:
        show_json(found.builtins())
    talk(f"saved in {out}")
    return any(loss.differs for loss in found.losses)

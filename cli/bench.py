"""``ml3zoo bench``: recompute a card's numbers."""

from __future__ import annotations

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
    every: Annotated[bool, typer.Option("--all", help="Every bundled card's headline, on one seed's tasks.")] = False,
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
    if name is None:
        differs = _bench_all(json)
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


def _bench_all(json: bool) -> bool:
    """A line per bundled loss; whether one differs."""
    from ml3zoo.meta.progress import counting_bar
    from ml3zoo.recipe.bench import rerun_headline
    from ml3zoo.zoo.names import list_losses

    names, reports = list_losses(), []
    with counting_bar("bench", len(names)) as done:
        for name in names:
            reports.append(rerun_headline(name))
            done(name)
            if not json:
                say(reports[-1])
    if json:
        show_json([report.as_dict() for report in reports])
    return any(report.differs for report in reports)

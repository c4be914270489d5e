"""``ml3zoo bench``: recompute a card's numbers."""

from __future__ import annotations

from typing import Annotated

import typer

from .output import Json, Name, Quick, say, show_json, talk


def bench(
    name: Name,
    recipe: Annotated[
        str | None, typer.Option(help="The loss's own recipe, a file that is run.", show_default=False)
    ] = None,
    quick: Quick = False,
    json: Json = False,
) -> None:
    """Recompute a card's numbers.

    Exits with 1 if one differs.
    """
    from ml3zoo.recipe.bench import rerun

    report = rerun(name, recipe=recipe, quick=quick)
    if json:
        show_json(report.as_dict())
    else:
        for line in report.lines():
            say(line)
        talk(report.verdict)
    if any(row.differs for row in report.rows):
        raise typer.Exit(1)

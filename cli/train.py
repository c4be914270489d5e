"""``ml3zoo train``: meta-train a loss from its recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import Quick, fail, talk


def train(
    recipe: Annotated[str, typer.Argument(help="The name of a recipe.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(help="The card folder to write; runs/RECIPE if not given.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    quick: Quick = False,
) -> None:
    """Meta-train a loss, measure it and write its card folder."""
    from ml3zoo.recipe import find_recipe

    chosen = find_recipe(recipe)
    folder = out or Path("runs") / recipe
    try:
        typer.echo((chosen.quick() if quick else chosen).run(folder, resume=resume))
    except KeyboardInterrupt:
        fail(f"interrupted; go on with: ml3zoo train {recipe} --out {folder} --resume{' --quick' if quick else ''}")
    if quick:
        talk("A quick run shows that everything works; its numbers mean nothing.")

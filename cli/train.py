"""``ml3zoo train``: meta-train a loss from its recipe."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from .output import QUICK, Quick, fail, say, talk


def train(
    recipe: Annotated[
        str, typer.Argument(help="The name of a recipe, or your own: ./my_recipe.py.", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="The card folder to write; runs/NAME if not given.", show_default=False),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    quick: Quick = False,
    publish: Annotated[
        str | None,
        typer.Option(help="Then publish it here: org/name. Your rights are checked first.", show_default=False),
    ] = None,
) -> None:
    """Meta-train and measure a loss.

    All of your own recipe is tried on two tasks first.
    """
    from ml3zoo.recipe import find_recipe, list_recipes, rehearse

    found = find_recipe(recipe)
    if publish is not None:
        from ml3zoo.zoo.hub.publish import check_target
        from ml3zoo.zoo.hub.reference import parse_repo

        check_target(parse_repo(publish))
    if recipe not in list_recipes():
        rehearse(found)
    folder = out or Path("runs") / found.config.name
    try:
        written = (found.quick() if quick else found).run(folder, resume=resume)
    except KeyboardInterrupt:
        options = ["--resume", *(["--quick"] if quick else []), *(["--publish", publish] if publish else [])]
        again = shlex.join(["ml3zoo", "train", recipe, "--out", str(folder), *options])
        fail(f"interrupted; go on with: {again}")
    if written is None:
        return
    say(written)
    if quick:
        talk(QUICK)
    if publish is not None:
        from ml3zoo.zoo.hub.publish import publish_loss

        say(f"ml3zoo pull {publish_loss(folder, publish).reference}")

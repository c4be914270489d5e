"""``ml3zoo gallery``: a page of the whole zoo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import say, talk


def gallery(
    out: Annotated[Path, typer.Option(help="Folder for the page and its pictures; an older gallery is replaced.")],
    losses: Annotated[
        list[str] | None,
        typer.Argument(
            help="Beside the bundled zoo: losses as elsewhere, or folders of losses' folders.", show_default=False
        ),
    ] = None,
    only: Annotated[bool, typer.Option("--only", help="Show the losses named, without the bundled zoo.")] = False,
) -> None:
    """Write a page of all losses.

    It opens from disk: filter by problem, sort by gain, look, and copy a snippet.
    """
    from ml3zoo.zoo.gallery.page import PAGE, write_gallery
    from ml3zoo.zoo.names import list_losses

    shown = write_gallery(out, [*([] if only else list_losses()), *(losses or [])])
    say(out / PAGE)
    talk(f"{len(shown)} {'loss' if len(shown) == 1 else 'losses'}. Open that file in a browser.")

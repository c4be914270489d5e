"""``ml3zoo plot``: draw a loss."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .output import Name, say


def plot(
    name: Name,
    out: Annotated[Path | None, typer.Option(help="Folder; ./NAME-plots if not given.", show_default=False)] = None,
) -> None:
    """Draw a loss and how it trains."""
    from ml3zoo.format.files import adding_to_folder
    from ml3zoo.format.results import read_results
    from ml3zoo.plots import draw_card
    from ml3zoo.recipe import find_recipe
    from ml3zoo.zoo.names import list_losses, resolve
    from ml3zoo.zoo.store import read_loss

    folder = resolve(name)
    loss = read_loss(folder, replay=True)
    target = out or Path(f"{loss.config.name}-plots")
    more = find_recipe(name).pictures if name in list_losses() else None
    with adding_to_folder(target) as partial:
        drawn = draw_card(loss, read_results(folder), partial, more)
    for path in drawn:
        say(target / path.name)

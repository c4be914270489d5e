"""A measured loss -> its card folder: weights, results, pictures and card."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml3zoo.format.config import FILE_NAME, read_config
from ml3zoo.format.files import check_replaceable, replacing_folder, write_text
from ml3zoo.losses import LearnedLoss
from ml3zoo.zoo.card import headline, render_card
from ml3zoo.zoo.results import read_results
from ml3zoo.zoo.store import save_loss, seal

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_card(
    loss: LearnedLoss,
    results: dict[str, Any],
    folder: Path,
    *,
    recipe: str | None = None,
    pictures: Callable[[LearnedLoss], dict[str, Figure]] | None = None,
) -> Path:
    """Write weights, results, pictures and card into ``folder``, all of it or nothing.

    Args:
        loss: the measured loss.
        results: what ``Recipe.measure`` returned.
        folder: replaced if it holds a loss already.
        recipe: the text that the loss was made from, kept as ``recipe.py``.
        pictures: draws more pictures by name, beside those that every card has.

    Raises:
        OutputError: the folder cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    from ml3zoo.plots import draw_card

    check_replaceable(folder, FILE_NAME)
    results = results | {"headline": headline(results), "formula": loss.formula()}
    with replacing_folder(folder) as partial:
        save_loss(loss, partial)
        (partial / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        if recipe is not None:
            (partial / "recipe.py").write_text(recipe, encoding="utf-8")
        (partial / "plots").mkdir()
        draw_card(loss, results, partial / "plots", pictures)
        (partial / "README.md").write_text(render_card(loss.config, results, partial), encoding="utf-8")
        seal(partial, loss.config)
    return folder


def refresh_card(folder: str | Path) -> None:
    """Render the headline and card of a folder anew from its config and results, after a change of how they read."""
    folder = Path(folder)
    config, results = read_config(folder), read_results(folder)
    results["headline"] = headline(results)
    write_text(folder / "results.json", json.dumps(results, indent=1) + "\n")
    write_text(folder / "README.md", render_card(config, results, folder))
    seal(folder, config)

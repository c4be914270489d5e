"""A measured loss -> its card folder: weights, results, pictures and card."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import FILE_NAME
from ml3zoo.format.files import check_replaceable, replacing_folder
from ml3zoo.format.results import Results, read_results, write_results
from ml3zoo.losses import LearnedLoss
from ml3zoo.zoo.card import render_card
from ml3zoo.zoo.store import read_loss, save_loss, seal
from ml3zoo.zoo.verdicts import headline

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Pictures = Callable[[LearnedLoss], "dict[str, Figure]"]


def write_card(
    loss: LearnedLoss,
    results: Results,
    folder: Path,
    *,
    recipe: str | None = None,
    pictures: Pictures | None = None,
) -> Path:
    """Write weights, results, pictures and card into ``folder``, all of it or nothing.

    Args:
        loss: the measured loss.
        results: what was measured of it.
        folder: replaced if it holds a loss already.
        recipe: the text that the loss was made from, kept as ``recipe.py``.
        pictures: draws more pictures by name, beside those that every card has.

    Raises:
        OutputError: the folder cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    import ml3zoo.plots.style  # noqa: F401

    check_replaceable(folder, FILE_NAME)
    with replacing_folder(folder) as partial:
        save_loss(loss, partial)
        _write_rest(partial, loss, results, recipe, pictures)
    return folder


def refresh_card(
    folder: str | Path, *, recipe: str | None = None, example: str | None = None, pictures: Pictures | None = None
) -> None:
    """Make a card folder anew from its config, results and weights, which stay as they are.

    Args:
        folder: of a measured loss.
        recipe: the text that the loss was made from, for ``recipe.py``. Without it that file stays, and so do the
            pictures that only this loss has.
        example: Python for the card's snippet; as it was if not given.
        pictures: draws the pictures that only this loss has, by name.

    Raises:
        ConfigError: the loss was never measured.
        IntegrityError: the folder does not verify.
        OutputError: the folder cannot be written.
        MissingExtraError: matplotlib is not installed.
    """
    folder = Path(folder)
    loss, results = read_loss(folder), read_results(folder)
    if results is None:
        raise ConfigError(f"{folder} has no results.json: a measured loss was expected. Train it from its recipe.")
    if example is not None:
        results = results.replace(example=example)
    with replacing_folder(folder) as partial:
        left_out = () if recipe is None else ("plots",)
        shutil.copytree(folder, partial, ignore=shutil.ignore_patterns(*left_out), dirs_exist_ok=True)
        _write_rest(partial, loss, results, recipe, pictures)


def _write_rest(
    folder: Path, loss: LearnedLoss, results: Results, recipe: str | None, pictures: Pictures | None
) -> None:
    """Everything but weights and golden tensors."""
    from ml3zoo.plots import draw_card

    results = results.replace(headline=headline(results), formula=loss.formula())
    write_results(results, folder)
    if recipe is not None:
        (folder / "recipe.py").write_text(recipe, encoding="utf-8")
    (folder / "plots").mkdir(exist_ok=True)
    draw_card(loss, results, folder / "plots", pictures)
    (folder / "README.md").write_text(render_card(loss.config, results, folder), encoding="utf-8")
    seal(folder, loss.config)

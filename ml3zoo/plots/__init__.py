"""Pictures of a loss and of how it was made. matplotlib is imported only here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ml3zoo.format.results import Results
from ml3zoo.losses import LearnedLoss
from ml3zoo.plots.measured import draw_curves, draw_gain, draw_meta_training, draw_ranks
from ml3zoo.plots.problem import draw_problem
from ml3zoo.plots.style import STYLE, Figure, rc_context, save_figures


def draw_card(
    loss: LearnedLoss,
    results: Results | None,
    folder: Path,
    more: Callable[[LearnedLoss], dict[str, Figure]] | None = None,
) -> list[Path]:
    """All pictures of a card.

    Args:
        loss: the loss.
        results: what was measured of it, if it was.
        folder: existing; PNG files of the same name are replaced.
        more: draws the pictures that only this loss has, by name.

    Returns:
        The files written.
    """
    with rc_context(STYLE):
        pictures = draw_problem(loss)
        if results is not None:
            pictures["gain"] = draw_gain(results)
            pictures["learning_curves"] = draw_curves(results)
            if results.rankings:
                pictures["ranks"] = draw_ranks(results.rankings)
            if results.meta_training:
                pictures["meta_training"] = draw_meta_training(results.meta_training)
        if more is not None:
            pictures |= more(loss)
        save_figures(pictures, folder)
    return [folder / f"{name}.png" for name in pictures]

"""The pictures that losses of a problem type have: one file per type, found by its name; a type may have none."""

from __future__ import annotations

import importlib
from importlib.util import find_spec

from ml3zoo.losses import LearnedLoss
from ml3zoo.plots.style import Figure


def draw_problem(loss: LearnedLoss) -> dict[str, Figure]:
    """The pictures of a loss that its problem type has, by name."""
    module = f"ml3zoo.plots.{loss.config.problem_type.replace('-', '_')}"
    if find_spec(module) is None:
        return {}
    pictures: dict[str, Figure] = importlib.import_module(module).draw_loss(loss)
    return pictures

"""How networks that learned a table are measured: one file per kind of problem, found by its name."""

from __future__ import annotations

import importlib

from ml3zoo.apply.table.measures.base import Comparison, Measure, SelectionMetric
from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig


def measure_of(config: LossConfig) -> Measure:
    """How networks trained under a loss of this kind are measured.

    Raises:
        InputError: tables are no problem of that kind.
    """
    name = f"{__name__}.{config.problem_type}"
    try:
        measure: Measure = importlib.import_module(name).MEASURE
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise InputError(
            f"{config.name} is a {config.problem_type} loss; one for regression or classification was expected, which tables "
            f"are used with. Run: ml3zoo list, or ml3zoo apply {config.name} --env ID"
        ) from error
    return measure


__all__ = ["Comparison", "Measure", "SelectionMetric", "measure_of"]

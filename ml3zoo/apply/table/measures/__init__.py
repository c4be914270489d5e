"""How networks that learned a table are measured: one file per problem type, found by its name."""

from __future__ import annotations

import importlib
import pkgutil

from ml3zoo.apply.table.cells import Cells
from ml3zoo.apply.table.columns import ReadColumn, read_columns
from ml3zoo.apply.table.measures.base import Comparison, Measure, SelectionMetric
from ml3zoo.errors import InputError, did_you_mean
from ml3zoo.format.config import LossConfig

_PROBLEM_TYPES = [module.name for module in pkgutil.iter_modules(__path__) if module.name != "base"]
_MOST_NUMBERED = 20
"""Different whole numbers that are taken for classes."""


def measure_of(config: LossConfig) -> Measure:
    """How networks trained under a loss are measured.

    Raises:
        InputError: the loss's problem type is not learned from a table.
    """
    if config.problem_type not in _PROBLEM_TYPES:
        raise InputError(
            f"{config.name} is a {config.problem_type} loss; for a table, one of problem type "
            f"{' or '.join(_PROBLEM_TYPES)} was expected. Run: ml3zoo list, or ml3zoo info {config.name}"
        )
    return _measure(config.problem_type)


def _measure(problem_type: str) -> Measure:
    measure: Measure = importlib.import_module(f"{__name__}.{problem_type}").MEASURE
    return measure


def measure_for(problem_type: str) -> Measure:
    """How networks are measured that solve problems of a type.

    Raises:
        InputError: nothing of that problem type is learned from a table.
    """
    if problem_type not in _PROBLEM_TYPES:
        raise InputError(
            f"no problem type {problem_type!r} on tables: {' or '.join(_PROBLEM_TYPES)} was expected."
            f"{did_you_mean(problem_type, _PROBLEM_TYPES)}"
        )
    return _measure(problem_type)


def problem_type_of(cells: Cells, target: str) -> str:
    """The problem type of predicting a column: text, booleans and few whole numbers are classes.

    Raises:
        DataError: it holds numbers or dates with some text among them.
    """
    column = read_columns(cells.frame[[target]], cells.decimal)[target]
    return "classification" if _are_classes(column) else "regression"


def _are_classes(column: ReadColumn) -> bool:
    if column.kind != "numbers":
        return column.kind != "dates"
    known = column.values[column.known]
    return bool((known % 1 == 0).all()) and len(set(known.tolist())) <= _MOST_NUMBERED


__all__ = ["Comparison", "Measure", "SelectionMetric", "measure_for", "measure_of", "problem_type_of"]

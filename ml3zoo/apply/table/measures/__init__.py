"""How networks that learned a table are measured: one file per problem type, found by its name."""

from __future__ import annotations

import importlib
import pkgutil

from ml3zoo.apply.table.measures.base import Comparison, Measure, SelectionMetric
from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig

_PROBLEM_TYPES = [module.name for module in pkgutil.iter_modules(__path__) if module.name != "base"]


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
    measure: Measure = importlib.import_module(f"{__name__}.{config.problem_type}").MEASURE
    return measure


__all__ = ["Comparison", "Measure", "SelectionMetric", "measure_of"]

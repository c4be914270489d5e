"""The types of problems that losses are for, with their signals: one file each, found by its name. Needs no torch."""

from __future__ import annotations

import importlib
import pkgutil

from ml3zoo.errors import ConfigError, did_you_mean
from ml3zoo.format.signals import ProblemType


def problem_types() -> list[str]:
    """The names of all problem types, sorted."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(__path__))


def find_problem_type(name: str) -> ProblemType:
    """A problem type by its name.

    Raises:
        ConfigError: there is none.
    """
    if name not in problem_types():
        raise ConfigError(
            f"unknown problem type {name!r}: this ml3zoo knows {', '.join(problem_types())}."
            f"{did_you_mean(name, problem_types())} A newer ml3zoo may know it."
        )
    problem_type: ProblemType = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").PROBLEM_TYPE
    return problem_type


__all__ = ["ProblemType", "find_problem_type", "problem_types"]

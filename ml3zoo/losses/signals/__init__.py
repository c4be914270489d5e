"""Kinds of problems that losses are made for: one file each, found by its name."""

from __future__ import annotations

import importlib

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LossConfig
from ml3zoo.losses.signals.base import SMALLEST, LossInputs, ProblemType


def problem_type_of(config: LossConfig) -> ProblemType:
    """The problem_type of problem a loss is for.

    Raises:
        ConfigError: this ml3zoo cannot compute losses of that problem_type.
    """
    name = f"{__name__}.{config.problem_type}"
    try:
        problem_type: ProblemType = importlib.import_module(name).PROBLEM_TYPE
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ConfigError(
            f"{config.name} is a {config.problem_type} loss, which this ml3zoo cannot compute. Run: pip install -U ml3zoo"
        ) from error
    return problem_type


__all__ = ["SMALLEST", "LossInputs", "ProblemType", "problem_type_of"]

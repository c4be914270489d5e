"""How losses of each problem type are called: one file per type, found by its name."""

from __future__ import annotations

import importlib

from ml3zoo.format.config import LossConfig
from ml3zoo.losses.conventions.base import CallConvention, TargetOptions


def convention_of(config: LossConfig) -> CallConvention:
    """How a loss of this config is called."""
    module = importlib.import_module(f"{__name__}.{config.problem_type.replace('-', '_')}")
    convention: CallConvention = module.CONVENTION
    return convention


__all__ = ["CallConvention", "TargetOptions", "convention_of"]

"""The contract of a loss, and the families of learned losses: one file each, found by its name."""

from __future__ import annotations

import importlib

from ml3zoo.format.config import LossConfig, check_family
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.contract import call_arguments, context_of, empty_memory, remember


def build_loss(config: LossConfig) -> LearnedLoss:
    """A loss of the config's family with fresh parameters in float32, whatever torch's default is.

    Raises:
        ConfigError: the family is unknown, or its architecture is not valid.
    """
    check_family(config)
    family: type[LearnedLoss] = importlib.import_module(f"{__name__}.families.{config.family}").Loss
    return family(config).float()


__all__ = ["LearnedLoss", "build_loss", "call_arguments", "context_of", "empty_memory", "remember"]

"""Families of learned losses: one file each, found by looking into this folder."""

from __future__ import annotations

import importlib
import pkgutil

from ml3zoo.config import LossConfig
from ml3zoo.errors import ConfigError, did_you_mean
from ml3zoo.losses.base import LearnedLoss

_HELPERS = {"base", "signals"}


def families() -> list[str]:
    """The names of all families, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in _HELPERS)


def build_loss(config: LossConfig) -> LearnedLoss:
    """A loss of the config's family with fresh parameters.

    Raises:
        ConfigError: the family is unknown, or its architecture is not valid.
    """
    if config.family not in families():
        raise ConfigError(
            f"unknown family {config.family!r} in the config of {config.name}: this ml3zoo knows "
            f"{', '.join(families())}.{did_you_mean(config.family, families())} A newer ml3zoo may know it."
        )
    family: type[LearnedLoss] = importlib.import_module(f"{__name__}.{config.family}").Loss
    return family(config)


__all__ = ["LearnedLoss", "build_loss", "families"]

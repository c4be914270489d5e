"""Kinds of problems that losses are made for: one file each, found by its name."""

from __future__ import annotations

import importlib

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LossConfig
from ml3zoo.losses.signals.base import SMALLEST, Batch, Kind


def kind_of(config: LossConfig) -> Kind:
    """The kind of problem a loss is for.

    Raises:
        ConfigError: this ml3zoo cannot compute losses of that kind.
    """
    name = f"{__name__}.{config.kind}"
    try:
        kind: Kind = importlib.import_module(name).KIND
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ConfigError(
            f"{config.name} is a {config.kind} loss, which this ml3zoo cannot compute. Run: pip install -U ml3zoo"
        ) from error
    return kind


__all__ = ["SMALLEST", "Batch", "Kind", "kind_of"]

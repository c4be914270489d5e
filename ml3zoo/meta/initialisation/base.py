"""The interface of every initialisation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.outer import TrainingConfig


class Initialisation(Protocol):
    """Sets the parameters of a loss before meta-training; distillation from another loss, for example."""

    def __call__(self, loss: LearnedLoss, training_configs: Sequence[TrainingConfig], seed: int, /) -> float:
        """Change ``loss`` in place; returns its error, lower is better."""
        ...

    def quick(self) -> Self:
        """The same in seconds, less well."""
        ...

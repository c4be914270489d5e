"""What every initialisation of a meta-training takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.outer import TrainingConfig


class Initialisation(Protocol):
    """What is done to a loss before it is meta-trained: it is made the twin of another, say."""

    def __call__(self, loss: LearnedLoss, training_configs: Sequence[TrainingConfig], seed: int, /) -> float:
        """Change ``loss`` in place; how well that worked, lower is better."""
        ...

    def quick(self) -> Self:
        """The same in seconds, less well."""
        ...

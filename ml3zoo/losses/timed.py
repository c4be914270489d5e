"""What a loss that knows how far training is lets its user say and see."""

from __future__ import annotations

from typing import Self, SupportsIndex

from torch import nn
from torch.optim import Optimizer

from ml3zoo.losses.clock import Clock


class Timed(nn.Module):
    """A module with a clock.

    Attributes:
        clock: counts the steps of a training.
    """

    clock: Clock

    @property
    def total_steps(self) -> int | None:
        """Number of steps of the whole training; None if it is unknown, and then progress stays at 0."""
        return self.clock.total

    @total_steps.setter
    def total_steps(self, steps: SupportsIndex | None) -> None:
        self.clock.total = steps

    @property
    def steps(self) -> int:
        """Steps of the training done so far."""
        return self.clock.steps

    @steps.setter
    def steps(self, steps: SupportsIndex) -> None:
        self.clock.steps = steps

    @property
    def progress(self) -> float:
        """Share of the training done, in [0, 1]; after ``loss.progress = None`` the loss counts again."""
        return self.clock.progress

    @progress.setter
    def progress(self, value: float | None) -> None:
        self.clock.progress = value

    def follow(self, optimizer: Optimizer) -> Self:
        """Count the steps of this optimiser and no other. Needed only where others step between calls of this loss.

        Raises:
            InputError: it is no torch optimiser, or another one is followed.
        """
        self.clock.follow(optimizer)
        return self

    def advance(self, steps: SupportsIndex = 1) -> None:
        """Count steps of an optimiser that is none of torch's."""
        self.clock.advance(steps)

    def reset(self) -> Self:
        """Forget the training so far: no steps, no progress set by hand, no optimiser followed."""
        self.clock.reset()
        return self

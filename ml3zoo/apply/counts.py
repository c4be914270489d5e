"""How much training is asked for."""

from __future__ import annotations

from ml3zoo.errors import InputError


def check_counts(steps: int | None, seeds: int) -> None:
    """See that there is something to train.

    Args:
        steps: of each training; None for the loss's own number.
        seeds: trainings per method.

    Raises:
        InputError: one of them is below 1.
    """
    if (steps is not None and steps < 1) or seeds < 1:
        raise InputError(f"steps and seeds must be 1 or more, got steps={steps}, seeds={seeds}.")

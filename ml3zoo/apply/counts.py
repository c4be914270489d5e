"""How much training is asked for."""

from __future__ import annotations

from ml3zoo.errors import InputError


def check_counts(**counts: int | None) -> None:
    """See that there is something to train.

    Args:
        counts: of steps, seeds and the like, by name; None for a default.

    Raises:
        InputError: one of them is below 1.
    """
    if any(count is not None and count < 1 for count in counts.values()):
        got = ", ".join(f"{name}={count}" for name, count in counts.items())
        raise InputError(f"{' and '.join(counts)} must be 1 or more, got {got}.")

"""Names of columns and classes in messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

_MOST, _LONGEST = 12, 40
_LONGEST_NOTE = 100


def listed(names: Iterable[str]) -> str:
    """Names in quotes, the first few if there are many, long ones cut."""
    first = [repr(name[:_LONGEST]) for name in islice(names, _MOST + 1)]
    return ", ".join(first[:_MOST]) + (", ..." if len(first) > _MOST else "")


def enumerated(names: Sequence[str]) -> str:
    """Names and what is said of them on one line, the first few if there are many, and how many more there are."""
    few = ", ".join(" ".join(name.split())[:_LONGEST_NOTE] for name in names[:_MOST])
    return few if len(names) <= _MOST else f"{few} and {len(names) - _MOST} more"

"""Numbers as people write them, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ml3zoo.apply.figures import MeanStd

_DIGITS = 3
"""Of a mean that is shown, at least."""
_LARGEST, _SMALLEST = 1e15, 1e-4
"""Beyond these, powers of ten are shown."""


def grouped(number: float, decimals: int = 0) -> str:
    """A number with spaces between thousands: ``30 930``."""
    return f"{number:,.{decimals}f}".replace(",", " ")


def counted(number: int, what: str) -> str:
    """A number of things, as in ``1 row`` and ``12 000 rows``."""
    return f"{grouped(number)} {what}" + ("" if number == 1 else "s")


def shown(values: Sequence[MeanStd | None]) -> list[str]:
    """Means and standard deviations, all with as many decimals as the middle one needs; empty for None."""
    sizes = sorted(abs(value.mean) for value in values if value is not None and value.mean)
    middle = sizes[(len(sizes) - 1) // 2] if sizes else 1.0
    if not _SMALLEST <= middle < _LARGEST:
        return [_shown(value, None) for value in values]
    decimals = max(0, _DIGITS - 1 - math.floor(math.log10(middle)))
    return [_shown(value, decimals) for value in values]


def _shown(value: MeanStd | None, decimals: int | None) -> str:
    if value is None or value.mean is None:
        return "" if value is None else "diverged"
    std = value.std or 0.0
    if decimals is None:
        return f"{value.mean:.{_DIGITS}g} ± {std:.2g}"
    return f"{grouped(value.mean, decimals)} ± {grouped(std, decimals)}"


def aligned(columns: Sequence[Sequence[str]]) -> list[str]:
    """A table's columns as lines."""
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

"""Figures of a report: means, spreads, and numbers that JSON knows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mean_and_spread(values: Array) -> dict[str, float | None]:
    """``mean`` and ``std`` of a sample; None where they are not finite."""
    with np.errstate(all="ignore"):
        return {"mean": json_number(values.mean()), "std": json_number(spread(values))}


def spread(values: Array) -> float:
    """Standard deviation of a sample; 0 of a single value."""
    with np.errstate(all="ignore"):
        return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def json_number(value: Any) -> float | None:
    """A number with six digits; None where it is not finite, which JSON does not know."""
    return float(f"{value:.6g}") if math.isfinite(value) else None

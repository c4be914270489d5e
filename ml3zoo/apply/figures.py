"""Figures of a report: numbers that JSON can hold, None where they are not finite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeanStd:
    """Mean and standard deviation of a sample; None where they are not finite."""

    mean: float | None
    std: float | None

    @classmethod
    def of(cls, values: Array) -> MeanStd:
        """Of a sample [values]."""
        with np.errstate(all="ignore"):
            return cls(json_number(values.mean()), json_number(sample_std(values)))

    def times(self, factor: float) -> MeanStd:
        """In another unit."""
        return MeanStd(*(None if value is None else factor * value for value in (self.mean, self.std)))


def sample_std(values: Array) -> float:
    """Standard deviation of a sample; 0 of a single value."""
    with np.errstate(all="ignore"):
        return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def json_number(value: Any) -> float | None:
    """A number with six digits; None where it is not finite, which JSON cannot hold."""
    return float(f"{value:.6g}") if math.isfinite(value) else None

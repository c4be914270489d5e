"""The verdict: whether a learned loss is better than an ordinary one by more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml3zoo.apply.figures import Array, json_number, sample_std
from ml3zoo.errors import MissingExtraError

try:
    from scipy.stats import t
except ImportError as error:
    raise MissingExtraError("Comparing losses", "apply") from error


@dataclass(frozen=True)
class Difference:
    """Mean of a gap and its 95 % t interval; None where they are not finite, as the interval of one seed is."""

    mean: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, gap: Array) -> Difference:
        """Of a gap paired over seeds, [seeds]."""
        with np.errstate(all="ignore"):
            mean = float(gap.mean())
        half = float(t.ppf(0.975, len(gap) - 1)) * sample_std(gap) / math.sqrt(len(gap)) if len(gap) > 1 else math.nan
        return cls(json_number(mean), json_number(mean - half), json_number(mean + half))


@dataclass(frozen=True, kw_only=True)
class MetricFormat:
    """How a difference in a metric is put into words.

    Attributes:
        metric: its name, as in "test MAE 3.0% lower".
        unit: written behind a difference.
        factor: what a difference is multiplied by to be in that unit.
        digits: format of the number.
        better: which way is better.
        scope: where the interval holds, beginning with a space; empty if that is plain.
    """

    metric: str
    unit: str = ""
    factor: float = 1.0
    digits: str = ".4g"
    better: Literal["lower", "higher"] = "lower"
    scope: str = ""

    @property
    def sign(self) -> int:
        """1 if higher is better, else -1."""
        return 1 if self.better == "higher" else -1

    def amount(self, mean: float, baseline: str) -> str:
        """A difference to a baseline, as in "test MAE 3.0% lower than tuned MSE"."""
        if not mean:
            return f"the same {self.metric} as {baseline}"
        size = f"{abs(self.factor * mean):{self.digits}}{self.unit}"
        return f"{self.metric} {size} {'lower' if mean < 0 else 'higher'} than {baseline}"

    def interval(self, low: float, high: float) -> str:
        """The ends of an interval, as in "-5.0% to -1.0%"."""
        return " to ".join(f"{self.factor * end:+{self.digits}}{self.unit}" for end in (low, high))


def verdict(name: str, baseline: str, difference: Difference, metric: MetricFormat, seeds: int) -> str:
    """A difference as a sentence.

    Args:
        name: of the learned loss.
        baseline: what it is compared with, as in "than tuned MSE".
        difference: learned loss minus baseline.
        metric: that they differ in.
        seeds: that the interval is over.
    """
    mean, low, high = difference.mean, difference.low, difference.high
    if mean is None:
        return f"Training diverged, so {name} and {baseline} cannot be compared."
    amount = metric.amount(mean, baseline)
    if low is None or high is None:
        return f"One seed shows no clear difference: {name} gives {amount}."
    interval = f"95 % interval over {seeds} seeds{metric.scope} {metric.interval(low, high)}"
    if low <= 0 <= high:
        return f"No clear difference: {name} gives {amount}, within the spread of the seeds ({interval})."
    effect = "helps" if metric.sign * mean > 0 else "does worse"
    return f"{name} {effect}: {amount}, beyond the spread of the seeds ({interval})."

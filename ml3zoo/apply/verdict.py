"""The verdict: whether a learned loss is better than an ordinary one by more than chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ml3zoo.apply.figures import Array, json_number, spread
from ml3zoo.errors import MissingExtraError

try:
    from scipy.stats import t
except ImportError as error:
    raise MissingExtraError("Comparing losses", "apply") from error

Difference = dict[str, float | None]


def difference(gap: Array) -> Difference:
    """Mean of a gap paired over seeds with its 95 % t interval: ``mean``, ``low``, ``high``, None where not finite."""
    with np.errstate(all="ignore"):
        mean = float(gap.mean())
    half = float(t.ppf(0.975, len(gap) - 1)) * spread(gap) / math.sqrt(len(gap)) if len(gap) > 1 else math.nan
    return {"mean": json_number(mean), "low": json_number(mean - half), "high": json_number(mean + half)}


@dataclass(frozen=True, kw_only=True)
class MetricFormat:
    """What a learned loss and its baseline are compared by, in words.

    Attributes:
        metric: what it is, as in "test MAE 3.0% lower".
        unit: of a difference, as it is shown.
        factor: a difference in that unit, for a difference of 1.
        digits: how it is shown, as a format.
        better: which way is better.
        place: where the interval holds, beginning with a space; nothing if that is plain.
    """

    metric: str
    unit: str = ""
    factor: float = 1.0
    digits: str = ".4g"
    better: Literal["lower", "higher"] = "lower"
    place: str = ""

    def amount(self, mean: float, baseline: str) -> str:
        """A difference to a baseline, as in "test MAE 3.0% lower than tuned MSE"."""
        if not mean:
            return f"the same {self.metric} as {baseline}"
        size = f"{abs(self.factor * mean):{self.digits}}{self.unit}"
        return f"{self.metric} {size} {'lower' if mean < 0 else 'higher'} than {baseline}"

    def interval(self, low: float, high: float) -> str:
        """The ends of an interval, as in "-5.0% to -1.0%"."""
        return " to ".join(f"{self.factor * end:+{self.digits}}{self.unit}" for end in (low, high))


def verdict(name: str, baseline: str, found: Difference, by: MetricFormat, seeds: int) -> str:
    """The difference in a sentence.

    Args:
        name: of the learned loss.
        baseline: what it was compared with, as in "than tuned MSE".
        found: the difference.
        by: what it is a difference in.
        seeds: that the interval is over.
    """
    mean, low, high = found["mean"], found["low"], found["high"]
    if mean is None:
        return f"Training diverged, so {name} and {baseline} cannot be compared."
    amount = by.amount(mean, baseline)
    if low is None or high is None:
        return f"No clear difference can be told from one seed: {name} gives {amount}."
    interval = f"95 % interval over {seeds} seeds{by.place} {by.interval(low, high)}"
    if low <= 0 <= high:
        return f"No clear difference: {name} gives {amount}, within the spread of the seeds ({interval})."
    effect = "helps" if (mean < 0) == (by.better == "lower") else "does worse"
    return f"{name} {effect}: {amount}, beyond the spread of the seeds ({interval})."

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


_POWER = 0.8


@dataclass(frozen=True)
class Difference:
    """Mean of a gap and its 95 % t interval; None where they are not finite, as the interval of one run is.

    Attributes:
        mean: of the gap.
        low, high: ends of the interval.
        visible: how large a difference would have had to be to be told from chance four times in five.
    """

    mean: float | None
    low: float | None
    high: float | None
    visible: float | None = None

    @classmethod
    def of(cls, gap: Array, shared: float = 0.0, among: int = 1) -> Difference:
        """Of a gap paired over runs, [runs].

        Args:
            gap: the gap of each run.
            shared: what is added to the share 1 / runs of the variance that the mean has, because the runs are not
                independent. For random splits of one table, test rows by training rows (Nadeau & Bengio 2003).
            among: of how many such gaps the best one is looked at; the interval then holds for all of them at once.
        """
        with np.errstate(all="ignore"):
            mean = float(gap.mean())
        error = sample_std(gap) * math.sqrt(1 / len(gap) + shared)
        if not error:  # one run, or runs that do not differ
            return cls(json_number(mean), None, None)
        sure, often = (float(t.ppf(level, len(gap) - 1)) for level in (1 - 0.025 / among, _POWER))
        half, visible = sure * error, (sure + often) * error
        return cls(json_number(mean), json_number(mean - half), json_number(mean + half), json_number(visible))


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


def verdict(name: str, baseline: str, difference: Difference, metric: MetricFormat, runs: str) -> str:
    """A difference as a sentence.

    Args:
        name: of the learned loss.
        baseline: what it is compared with, as in "than tuned MSE".
        difference: learned loss minus baseline.
        metric: that they differ in.
        runs: what the interval is over, as in "5 seeds".
    """
    mean, low, high = difference.mean, difference.low, difference.high
    if mean is None:
        return f"Training diverged, so {name} and {baseline} cannot be compared."
    amount = metric.amount(mean, baseline)
    if low is None or high is None:
        return f"No clear difference: {name} gives {amount}, and {runs} have no spread to judge that by."
    interval = f"95 % interval over {runs}{metric.scope} {metric.interval(low, high)}"
    if low <= 0 <= high:
        return f"No clear difference: {name} gives {amount} ({interval}).{_visible(difference, metric)}"
    effect = "helps" if metric.sign * mean > 0 else "does worse"
    return f"{name} {effect}: {amount} ({interval})."


def _visible(difference: Difference, metric: MetricFormat) -> str:
    """How small a difference could have been told from chance."""
    if not difference.visible:
        return ""
    size = f"{metric.factor * difference.visible:{metric.digits}}{metric.unit}"
    return f" One of {size} would have been seen four times in five."

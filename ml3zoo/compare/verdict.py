"""The verdict: whether a learned loss is better than an ordinary one by more than chance."""

from __future__ import annotations

import math

import numpy as np

from ml3zoo.compare.measures import Array
from ml3zoo.compare.report import json_number, spread

Difference = dict[str, float | None]


def difference(gap: Array) -> Difference:
    """Mean of a gap paired over seeds with its 95 % t interval: ``mean``, ``low``, ``high``, None where not finite."""
    from scipy.stats import t

    with np.errstate(all="ignore"):
        mean = float(gap.mean())
    half = float(t.ppf(0.975, len(gap) - 1)) * spread(gap) / math.sqrt(len(gap)) if len(gap) > 1 else math.nan
    return {"mean": json_number(mean), "low": json_number(mean - half), "high": json_number(mean + half)}


def verdict(name: str, rival: str, found: Difference, unit: str, metric: str, seeds: int) -> str:
    """The difference in a sentence.

    Args:
        name: of the learned loss.
        rival: what it was compared with, as in "than tuned MSE".
        found: the difference.
        unit: of a hundredth of the difference.
        metric: what it is a difference in.
        seeds: that the interval is over.
    """
    mean, low, high = found["mean"], found["low"], found["high"]
    if mean is None:
        return f"Training diverged on this table, so {name} and {rival} cannot be compared."
    amount = _amount(mean, rival, unit, metric)
    if low is None or high is None:
        return f"No clear difference can be told from one seed: {name} gives {amount}."
    ends = " to ".join(f"{100 * end:+.1f}{unit}" for end in (low, high))
    interval = f"95 % interval over {seeds} seeds on these test rows {ends}"
    if low <= 0 <= high:
        return f"No clear difference: {name} gives {amount}, within the spread of the seeds ({interval})."
    effect = "helps" if mean < 0 else "does worse"
    return f"{name} {effect}: {amount}, beyond the spread of the seeds ({interval})."


def _amount(mean: float, rival: str, unit: str, metric: str) -> str:
    if not mean:
        return f"the same test {metric} as {rival}"
    return f"test {metric} {abs(100 * mean):.1f}{unit} {'lower' if mean < 0 else 'higher'} than {rival}"

"""Figures with their 95 % bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ml3zoo.format.results import Interval, PairedComparison, StepsToReach

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class Estimate(NamedTuple):
    """A statistic of some runs, with its 95 % bootstrap interval; infinite where it is never reached."""

    value: float
    low: float
    high: float


class PairedRuns(Protocol):
    """What is compared: final values [runs] and curves [observations, runs]."""

    @property
    def final(self) -> Array:
        """At the end, [runs]."""
        ...

    @property
    def curves(self) -> Array:
        """On the way, [observations, runs]."""
        ...


def compare(ours: PairedRuns, theirs: PairedRuns, observe_every: int) -> PairedComparison:
    """Paired comparison of a learned loss with a baseline on the same tasks."""
    base = float(theirs.final.mean())
    return PairedComparison(
        difference=bootstrap(ours.final - theirs.final),
        ratio=round(float(ours.final.mean()) / base, 4) if base else None,
        won=bootstrap((ours.final < theirs.final).astype(float)),
        steps_to_reach=steps_to_reach(ours.curves, theirs.final, observe_every),
    )


def bootstrap(values: Array) -> Interval:
    """Mean of a sample with its 95 % bootstrap interval."""
    low, high = np.quantile(values[_resampled(len(values))].mean(1), [0.025, 0.975])
    return Interval(mean=round(float(values.mean()), 5), low=round(float(low), 5), high=round(float(high), 5))


def interquartile_mean(values: Array) -> Array:
    """Mean along the last axis without the lowest and the highest quarter, rounded down: of up to three, the mean.

    Source: Agarwal et al., *Deep Reinforcement Learning at the Edge of the Statistical Precipice*, 2021.
    """
    n = values.shape[-1]
    middle: Array = np.sort(values, axis=-1)[..., n // 4 : n - n // 4].mean(-1)
    return middle


def bootstrap_statistic(statistic: Callable[[Indices], Array], n: int) -> Estimate:
    """A statistic of n runs, with its interval over runs drawn anew.

    Args:
        statistic: from indices of runs, [resamples, n], to a number each, [resamples].
        n: number of runs.
    """
    low, high = np.quantile(statistic(_resampled(n)), [0.025, 0.975], method="inverted_cdf")
    return Estimate(float(statistic(np.arange(n)[None])[0]), float(low), float(high))


def steps_to_reach(curves: Array, target: Array, observe_every: int) -> StepsToReach:
    """First observed step at which the mean curve is no higher than the mean target, with its 95 % bootstrap interval.

    Args:
        curves: [observations, runs].
        target: final values of the same runs under another loss, [runs].
        observe_every: steps between observations.
    """
    never = len(curves) * observe_every
    picked = _resampled(len(target))
    weights = np.stack([np.bincount(rows, minlength=len(target)) for rows in picked]) / len(target)
    low, high = np.quantile(
        _first_at_most(weights @ curves.T, weights @ target) * observe_every, [0.025, 0.975], method="higher"
    )
    steps = _first_at_most(curves.mean(1)[None], target.mean()[None])[0] * observe_every
    return StepsToReach(*(None if each == never else int(each) for each in (steps, low, high)))


def _first_at_most(curves: Array, target: Array) -> Indices:
    """Index of the first observation no higher than the target, [rows]; one past the end if there is none."""
    reached = np.pad(curves <= target[:, None], ((0, 0), (0, 1)), constant_values=True)
    first: Indices = reached.argmax(1)
    return first


def _resampled(n: int, resamples: int = 2000) -> Indices:
    """The same bootstrap resamples for every figure of n runs, as indices [resamples, n]."""
    return np.random.default_rng(0).integers(0, n, (resamples, n))

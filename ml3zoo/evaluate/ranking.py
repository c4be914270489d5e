"""All losses over all setups of ordinary training: mean ranks, setups won, the metric by noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ml3zoo.evaluate.statistics import Array, bootstrap
from ml3zoo.format.results import Interval, LevelResult, MethodRank, MethodResult, Ranking, SetupResult, Use


def rank(setups: Sequence[SetupResult]) -> tuple[Ranking, ...]:
    """Rankings of all losses swapped in and of all losses tuned; none if no setup is ordinary training.

    Every data set counts alike, however many setups it has; intervals are over data sets.

    Args:
        setups: those in which losses were not swapped in are left out.
    """
    ranked = [setup for setup in setups if setup.learned("swapped in")]
    return tuple(_ranking(ranked, use) for use in ("swapped in", "tuned")) if ranked else ()


def over_data_sets(values: Array, data: Sequence[str]) -> Interval:
    """The mean of the means of all data sets, with its 95 % bootstrap interval over them.

    Args:
        values: [setups].
        data: the data set of each.
    """
    names = np.array(data)
    return bootstrap(np.array([values[names == name].mean() for name in dict.fromkeys(data)]))


def average_ranks(values: Array) -> Array:
    """Ranks from 1, the lowest value first, along the last axis; equal values share the mean of theirs."""
    other, own = values[..., None, :], values[..., :, None]
    ranks: Array = (other < own).sum(-1) + ((other == own).sum(-1) + 1) / 2
    return ranks


def shares_won(values: Array) -> Array:
    """1 for the lowest value along the last axis, else 0; equal values share it."""
    lowest = values == values.min(-1, keepdims=True)
    shares: Array = lowest / lowest.sum(-1, keepdims=True)
    return shares


def _ranking(setups: list[SetupResult], use: Use) -> Ranking:
    by_setup = [{method.name: method for method in setup.methods if _takes_part(method, use)} for setup in setups]
    methods = list(by_setup[0].values())
    values = np.array([[found[method.name].objective.mean for method in methods] for found in by_setup])
    data = [each.setup.data for each in setups]
    noise = [each.setup.noise or each.setup.data for each in setups]
    ranks, won, first = average_ranks(values), shares_won(values), _first_ordinary(methods)
    ranked = [
        MethodRank(
            name=method.name,
            role=method.role,
            rank=over_data_sets(ranks[:, k], data),
            won=over_data_sets(won[:, k], data),
            levels=tuple(_levels(values[:, k], values[:, first], data, noise)),
        )
        for k, method in enumerate(methods)
    ]
    ranked.sort(key=lambda method: method.rank.mean)
    return Ranking(use, methods[first].name, len(setups), len(set(data)), tuple(ranked))


def _takes_part(method: MethodResult, use: Use) -> bool:
    return method.use == use and method.role != "initial"


def _first_ordinary(methods: list[MethodResult]) -> int:
    return next(k for k, method in enumerate(methods) if method.role == "baseline")


def _levels(values: Array, first: Array, data: list[str], noise: list[str]) -> Iterator[LevelResult]:
    """The metric by noise, or by data where there is none, in the order of the setups."""
    for level in dict.fromkeys(noise):
        those = np.array([each == level for each in noise])
        sets = [name for name, chosen in zip(data, those, strict=True) if chosen]
        difference = over_data_sets((values - first)[those], sets)
        yield LevelResult(level, over_data_sets(values[those], sets), difference)

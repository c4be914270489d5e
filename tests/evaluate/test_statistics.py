"""Statistics of few runs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import trim_mean

from ml3zoo.evaluate.statistics import bootstrap, bootstrap_statistic, interquartile_mean

RUNS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12).map(np.array)


@given(runs=RUNS)
@settings(deadline=None)
def test_an_interquartile_mean_is_a_mean_without_the_outer_quarters(runs: np.ndarray) -> None:
    assert interquartile_mean(runs) == pytest.approx(trim_mean(runs, 0.25), rel=1e-9, abs=1e-6)
    assert np.array_equal(interquartile_mean(np.stack([runs, runs + 1]))[:1], interquartile_mean(runs[None]))


def test_a_bootstrapped_mean_is_the_one_of_evaluations() -> None:
    runs = np.random.default_rng(1).normal(size=9)
    found, expected = bootstrap_statistic(lambda rows: runs[rows].mean(1), 9), bootstrap(runs)
    assert found == pytest.approx((expected.mean, expected.low, expected.high), abs=5e-3)


def test_what_is_never_reached_stays_infinite() -> None:
    found = bootstrap_statistic(lambda rows: np.where(rows[:, 0] == 0, np.inf, 1.0), 2)
    assert (found.low, found.high) == (1.0, np.inf)

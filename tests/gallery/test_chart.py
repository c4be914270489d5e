"""Bars and counts: from a loss's results to the figures of its entry."""

from __future__ import annotations

import pytest

from ml3zoo import list_losses
from ml3zoo.format.results import read_results
from ml3zoo.zoo.gallery.chart import Bar, outcomes
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.verdicts import Change, is_lost


@pytest.mark.parametrize(
    ("ratio", "height", "figure"),
    [(0.5, 1.0, "−50 %"), (0.0, 1.0, "−100 %"), (1.0, 0.0, "+0 %"), (2.0, -1.0, "+100 %"), (31.6, -1.0, "31.6 ×")],
)
def test_a_bar_is_as_high_as_the_change_is_large(ratio, height, figure):
    bar = Bar.of(Change("a setup", ratio, ratio, ratio, "no clear difference"))
    assert bar == Bar("a setup", "alike", height, f"{figure} [{figure}, {figure}]")


@pytest.mark.parametrize("name", list_losses())
def test_outcomes_count_every_setup_once(name):
    results = read_results(resolve(name))
    counted = outcomes(results)
    assert counted.setups == len(results.setups)
    assert counted.worse == sum(map(is_lost, results.setups))
    assert -1 <= counted.balance <= 1

"""What a loss is for, what it brings and where it loses, against the numbers it is derived from."""

from __future__ import annotations

import math

import pytest

from ml3zoo import list_losses
from ml3zoo.format.config import read_config
from ml3zoo.format.results import Interval, read_results
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.verdicts import Change, changes, recommend


def recommended(name):
    folder = resolve(name)
    results = read_results(folder)
    return results, recommend(read_config(folder), results)


@pytest.mark.parametrize("name", list_losses())
def test_the_gain_is_that_of_the_numbers_shown(name):
    results, found = recommended(name)
    if results.rankings:
        ranking = results.rankings[0]
        regression = read_config(resolve(name)).problem_type == "regression"
        usual = ranking.find("MSE" if regression else "cross-entropy")
        pairs = zip(ranking.learned.levels, usual.levels, strict=True)
        ratios = [ours.metric.mean / theirs.metric.mean for ours, theirs in pairs]
    else:
        main = results.setups[0]
        ratios = [main.shown.objective.mean / main.baseline.objective.mean]
    expected = 100 * (math.prod(ratios) ** (1 / len(ratios)) - 1)
    assert found.percent == pytest.approx(expected, abs=0.5)
    if found.verdict == "no clear difference":
        assert found.gain == f"no clear change of {results.metric.name}"
        return
    assert (found.verdict == "better") == (found.percent < 0)
    places = abs(expected) < 1 or 99 < -expected < 100
    assert found.gain.split()[0] == (f"{abs(expected):.{places:d}f}" if expected < 100 else "3.2")


@pytest.mark.parametrize("name", list_losses())
def test_where_it_loses_counts_the_setups_as_the_headline_uses_the_loss(name):
    results, found = recommended(name)
    lost = sum(setup.verdict(setup.shown.use) == "worse" for setup in results.setups)
    count = {0: "none", len(results.setups): "all"}.get(lost, str(lost))
    assert found.where_it_loses.partition(":")[0] == f"{count} of {len(results.setups)}"
    assert ("Worse than" in found.loss) == any("worse" in map(s.verdict, USES) for s in results.setups)


USES = ("swapped in", "recommended", "tuned")


def test_words_are_short():
    for name in list_losses():
        _, found = recommended(name)
        assert found.use_for != read_config(resolve(name)).problem_type
        assert max(map(len, (found.use_for, found.instead_of, found.gain, found.where_it_loses))) <= 60


@pytest.mark.parametrize(
    ("ordinary", "difference", "ratio", "verdict"),
    [
        (2.0, (-1.0, -1.5, -0.5), (0.5, 0.25, 0.75), "better"),
        (2.0, (1.0, 0.5, 1.5), (1.5, 1.25, 1.75), "worse"),
        (2.0, (-1.0, -3.0, 1.0), (0.5, 0.0, 1.5), "no clear difference"),
        (0.0, (0.1, 0.05, 0.2), (1.0, 1.0, 1.0), "worse"),
    ],
)
def test_a_change_is_a_ratio_with_its_interval(ordinary, difference, ratio, verdict):
    change = Change.of("x", ordinary, Interval(*difference))
    assert (change.ratio, change.low, change.high) == pytest.approx(ratio)
    assert change.verdict == verdict


def test_the_first_change_is_of_what_the_loss_was_made_for():
    results, _ = recommended("sine-regression")
    labels = [change.label for change in changes(results)]
    assert labels[0] == "as made for"
    assert "SGD, momentum 0.9" in labels
    assert "500 steps" in labels
    assert len(set(labels)) == len(labels) == len(results.setups)

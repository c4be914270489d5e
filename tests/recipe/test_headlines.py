"""Every card's headline, measured again on the tasks of one seed: what ``ml3zoo bench --all --quick`` does."""

from __future__ import annotations

import pytest

from ml3zoo import list_losses
from ml3zoo.errors import MissingExtraError, MissingPackageError
from ml3zoo.format.results import Interval, PairedComparison, StepsToReach
from ml3zoo.recipe.bench import HeadlineReport, rerun_headline


@pytest.mark.parametrize(
    ("low", "high", "agree", "disagree"),
    [
        (-0.12, -0.08, (-0.1, -0.07, -0.13), (0.1, 0.01, 0.0, -0.01, -0.3)),  # better
        (0.08, 0.12, (0.1, 0.07, 0.13), (-0.1, -0.01, 0.0, 0.01, 0.3)),  # worse
        (-0.21, -0.01, (-0.1, -0.3), (0.02, 0.1, -0.6)),  # barely better: the sign decides
        (-0.02, 0.02, (0.0, 0.06, -0.06), (0.1, -0.1)),  # no clear difference
    ],
)
def test_a_headline_may_disagree_with_every_verdict_in_both_directions(low, high, agree, disagree):
    card = PairedComparison(Interval((low + high) / 2, low, high), 1.0, Interval(0.5, 0.4, 0.6), StepsToReach(1, 1, 1))

    def differs(now: float) -> bool:
        return HeadlineReport("error", "MSE", card, now, seeds=5).differs

    assert not any(differs(now) for now in agree)
    assert all(differs(now) for now in disagree)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_losses())
def test_the_headline_holds(name):
    try:
        report = rerun_headline(name)
    except (MissingExtraError, MissingPackageError) as error:
        pytest.skip(str(error))
    assert not report.differs, str(report)

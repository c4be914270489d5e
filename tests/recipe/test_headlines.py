"""Every card's headline, replayed on the tasks of one seed: each loss as it was tuned for the card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml3zoo import list_losses, load_loss
from ml3zoo.evaluate import replay_setup
from ml3zoo.format.results import Comparison, Interval, StepsToReach, read_results
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.recipe import find_recipe
from ml3zoo.zoo.names import resolve

SPREADS = 1.5
"""How many 95 % intervals the difference on one seed's tasks may lie off the card's."""


def holds(card: Comparison, now: float, seeds: int) -> bool:
    """Whether a difference on the tasks of one of the card's seeds agrees with the card's, in sign and in size."""
    said = card.difference
    if abs(now - said.mean) > SPREADS * seeds**0.5 * (said.high - said.low) / 2:
        return False
    return card.verdict == "no clear difference" or now * said.mean > 0


@pytest.mark.parametrize(
    ("low", "high", "agree", "disagree"),
    [
        (-0.12, -0.08, (-0.1, -0.07, -0.13), (0.1, 0.01, 0.0, -0.01, -0.3)),  # better
        (0.08, 0.12, (0.1, 0.07, 0.13), (-0.1, -0.01, 0.0, 0.01, 0.3)),  # worse
        (-0.21, -0.01, (-0.1, -0.3), (0.02, 0.1, -0.6)),  # barely better: the sign decides
        (-0.02, 0.02, (0.0, 0.06, -0.06), (0.1, -0.1)),  # no clear difference
    ],
)
def test_a_replay_may_disagree_with_every_verdict_in_both_directions(low, high, agree, disagree):
    card = Comparison(Interval((low + high) / 2, low, high), 1.0, Interval(0.5, 0.4, 0.6), StepsToReach(1, 1, 1))
    assert all(holds(card, now, seeds=5) for now in agree)
    assert not any(holds(card, now, seeds=5) for now in disagree)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_losses())
def test_the_headline_holds(name):
    results, loss = read_results(resolve(name)), load_loss(name)
    evaluation = replace(find_recipe(name).evaluation(loss.config), compiled=False)
    main, setup = results.setups[0], evaluation.setups[0]
    assert setup.describe() == main.setup
    ours, theirs = main.learned("recommended"), main.baseline
    with reproducible_compute():
        final = {method: runs.final for method, runs in replay_setup(loss, setup, evaluation, (ours, theirs))}
    assert holds(ours.comparison, (final[ours] - final[theirs]).mean(), evaluation.seeds)

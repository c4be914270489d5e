"""Every card's headline, replayed on the tasks of one seed: each method as it was tuned for the card."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ml3zoo import list_losses, load_loss
from ml3zoo.evaluate import replay_setup
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.recipe import find_recipe
from ml3zoo.zoo.card import verdict
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.results import read_results


@pytest.mark.slow
@pytest.mark.parametrize("name", list_losses())
def test_the_headline_holds(name):
    main = read_results(resolve(name))["setups"][0]
    loss = load_loss(name)
    evaluation = replace(find_recipe(name).evaluation(loss.config), compiled=False)
    setup = evaluation.setups[0]
    assert str(setup) == main["name"]
    with reproducible_compute():
        runs = replay_setup(loss, setup, evaluation, main)
    ours, theirs = (runs[method].final.mean() for method in ("learned", main["baseline"]))
    difference = main["against_baseline"]["learned"]["difference"]
    told = verdict(main, "learned")
    if told == "better":
        assert ours < theirs + difference["mean"] / 2
    elif told == "worse":
        assert ours > theirs - abs(difference["mean"])
    else:
        assert abs(ours - theirs) < evaluation.seeds**0.5 * max(-difference["low"], difference["high"])

"""Every card's headline, replayed on fewer tasks: each contender at the learning rate that its card says."""

from __future__ import annotations

import pytest

from ml3zoo import list_losses, load_loss
from ml3zoo.card import verdict
from ml3zoo.evaluate import Contender
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.inner import InnerRun
from ml3zoo.recipe import find_recipe
from ml3zoo.zoo import read_results, resolve

TASKS = 100


@pytest.mark.slow
@pytest.mark.parametrize("name", list_losses())
def test_the_headline_holds(name):
    main = read_results(resolve(name))["cells"][0]
    loss = load_loss(name)
    evaluation = find_recipe(name).evaluation(loss.config)
    cell = evaluation.cells[0]
    assert str(cell) == main["name"]

    def measured(contender, module, family):
        entry = main["contenders"][contender]
        run = InnerRun(cell.optimizer, entry["lr"], cell.steps, entry["schedule"])
        made = Contender.of(module, family, cell.optimizer, cap=evaluation.metric.cap)
        return made.measure(run, TASKS, 7, "test").final.mean()

    best = main["contenders"][main["baseline"]]
    (baseline,) = (b for b in evaluation.baselines if (b.name, b.hyper) == (main["baseline"], best["hyper"]))
    with reproducible_compute():
        ours = measured("learned", loss, cell.own)
        theirs = measured(main["baseline"], baseline.make(), cell.careful)
    gain = -main["against_baseline"]["learned"]["difference"]["mean"]
    if verdict(main, "learned") == "better":
        assert ours < theirs - gain / 2
    else:
        assert ours > theirs - abs(gain)

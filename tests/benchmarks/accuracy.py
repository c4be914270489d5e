"""Error rates of the networks whose Brier scores stand in the card of ``classification``.

The same networks at the same learning rates, chosen by the Brier score on validation rows.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ml3zoo import load_loss
from ml3zoo.evaluate import replay_setup
from ml3zoo.evaluate.protocol import Setup
from ml3zoo.format.results import Use, read_results
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.class_probabilities import ClassProbabilities
from ml3zoo.tasks.table_classification import TableClassification
from ml3zoo.zoo.names import resolve
from tests.benchmarks.page import publish, table

NAME = "classification"
USES: tuple[Use, ...] = ("swapped in", "tuned")
Errors = Mapping[str, Mapping[str, list[float]]]
"""By loss and data set, one for each setup."""


@dataclass(frozen=True)
class Sizes:
    """How much is trained.

    Attributes:
        setups: how many of the card's; all if None.
        tasks: networks of a setup.
        written: whether the table goes into the docs.
    """

    setups: int | None = None
    tasks: int = 5
    written: bool = True


FULL = Sizes()
SMALL = Sizes(setups=1, tasks=1, written=False)


def run(sizes: Sizes) -> None:
    """Mean error rates by loss, in %, and where the learned loss is farthest behind the ordinary one."""
    by_use = {use: _measure(use, sizes) for use in USES}
    names = sorted(by_use["swapped in"], key=lambda name: name != "learned")
    cells = [" / ".join(f"{100 * _mean(errors[name]):.1f}" for errors in by_use.values()) for name in names]
    publish("accuracy", table([NAME if name == "learned" else name for name in names], [cells]), write=sizes.written)
    for use, errors in by_use.items():
        ordinary = errors["cross-entropy"]
        behind = {data: float(np.mean(found) - np.mean(ordinary[data])) for data, found in errors["learned"].items()}
        worst = max(behind, key=behind.__getitem__)
        print(f"  {use}, learned against cross-entropy, its worst data set: {worst}, {100 * behind[worst]:+.1f} points")


def _measure(use: Use, sizes: Sizes) -> Errors:
    loss, recipe, card = load_loss(NAME), find_recipe(NAME), read_results(resolve(NAME))
    evaluation = dataclasses.replace(recipe.evaluation(loss.config), test_tasks=sizes.tasks)
    errors: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for setup in evaluation.setups[: sizes.setups]:
        measured = card and card.find(setup.describe())
        methods = [method for method in measured.methods if method.use == use] if measured else []
        for method, runs in replay_setup(loss, _by_error(setup), evaluation, methods):
            errors[method.name][setup.data].append(float(runs.final.mean()))
    return errors


def _by_error(setup: Setup) -> Setup:
    """The same tasks, measured by error rate."""
    family = setup.tasks
    assert isinstance(family, ClassProbabilities)
    fields = {field.name: getattr(family, field.name) for field in dataclasses.fields(family) if field.init}
    tasks = TableClassification(**fields)
    return dataclasses.replace(setup, tasks=tasks, baseline_tasks=tasks)


def _mean(found: Mapping[str, list[float]]) -> float:
    return float(np.mean([np.mean(each) for each in found.values()]))

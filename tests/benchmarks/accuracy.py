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
    """

    setups: int | None = None
    tasks: int = 5


FULL = Sizes()
SMALL = Sizes(setups=1, tasks=1)


def run(sizes: Sizes) -> None:
    """Print mean error rates by loss, and where the learned loss is farthest behind the ordinary one."""
    for use in USES:
        errors = _measure(use, sizes)
        print(f"{NAME}, {use}: error rate, the mean over data sets")
        for name, found in sorted(errors.items(), key=lambda item: _mean(item[1])):
            print(f"  {name:16} {_mean(found):.2%}")
        ordinary = errors["cross-entropy"]
        behind = {data: float(np.mean(found) - np.mean(ordinary[data])) for data, found in errors["learned"].items()}
        worst = max(behind, key=behind.__getitem__)
        print(f"  learned against cross-entropy, its worst data set: {worst}, {100 * behind[worst]:+.1f} points")


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

"""What each part of ``label-noise`` brings: it is meta-trained without that part, and measured on its test tables.

Swapped in at the rates its card has for cross-entropy. Meta-trainings are shorter than the card's, all alike, begin
near cross-entropy, and are kept in ``runs/ablation``, so that an interrupted benchmark goes on.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml3zoo.evaluate import Evaluation, measure_another
from ml3zoo.format.config import SignalConfig
from ml3zoo.format.files import make_folder
from ml3zoo.format.results import Results, read_results
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.outer import MetaTraining, meta_train
from ml3zoo.recipe import Recipe, find_recipe
from ml3zoo.tasks.noisy_labels import NoisyLabels
from ml3zoo.zoo.names import resolve
from tests.benchmarks.page import publish, table

NAME = "label-noise"
KEPT = Path("runs/ablation")
_NOTHING = 1e-6
"""Limit of a signal that tells nothing any more."""
_LABEL, _REST = 0.13, -2.5
"""Logarithms of the first weights."""
_RATE = 0.06
"""Of updates: more than the recipe's, for they are few."""
_MANY_ROWS = 1000
"""For a full batch."""


@dataclass(frozen=True)
class Sizes:
    """How much is trained.

    Attributes:
        iterations: updates of each meta-training.
        tasks: of each of these updates, and to validate on.
        kinds: how many kinds of tasks there are in meta-training; all if None.
        steps: of an inner run, at most.
        setups: how many of the card's are measured; all if None.
        networks: of each.
        folder: for meta-trainings that are kept, if anywhere.
    """

    iterations: int = 80
    tasks: int = 32
    kinds: int | None = None
    steps: int = 200
    setups: int | None = None
    networks: int = 5
    folder: Path | None = KEPT


FULL = Sizes()
SMALL = Sizes(iterations=1, tasks=2, kinds=1, steps=3, setups=1, networks=1, folder=None)


def run(sizes: Sizes) -> None:
    """The mean error rate with and without each part, swapped in, by noise, in %."""
    recipe, card = _from_cross_entropy(find_recipe(NAME)), read_results(resolve(NAME))
    assert card is not None
    evaluation = recipe.evaluation(recipe.config)
    evaluation = dataclasses.replace(
        evaluation, setups=evaluation.setups[: sizes.setups], test_tasks=sizes.networks, seeds=1
    )
    noises = list(dict.fromkeys(setup.noise for setup in evaluation.setups))
    rows = []
    for text, change in PARTS.items():
        loss = _meta_trained(change(recipe), text, sizes)
        rows.append([text, *(f"{100 * _error(loss, evaluation, card, noise):.1f}" for noise in noises)])
        print(*rows[-1], flush=True)
    for text, name in (("*the card's*", "learned"), ("*cross-entropy*", "cross-entropy")):
        levels = {level.noise: level.metric.mean for level in card.rankings[0].find(name).levels}
        rows.append([text, *(f"{100 * levels[noise]:.1f}" for noise in noises)])
    publish("ablation", table(["", *noises], rows), write=sizes.folder is not None)


def _from_cross_entropy(recipe: Recipe) -> Recipe:
    """Nothing is known in advance: the label's weight is near 1, the other terms' is small, whatever the signals."""
    terms = len(recipe.config.architecture["terms"])
    others = (0.0,) * (len(recipe.init) // terms - 1)
    init = (_LABEL, *others) + (_REST, *others) * (terms - 1)
    return _trained(dataclasses.replace(recipe, init=init), lr=_RATE)


def _without_signals(prefix: str) -> Callable[[Recipe], Recipe]:
    """Signals whose names begin so are always zero."""

    def silent(signal: SignalConfig) -> SignalConfig:
        return signal.replace(limit=_NOTHING) if signal.signal.startswith(prefix) else signal

    def change(recipe: Recipe) -> Recipe:
        signals = tuple(silent(signal) for signal in recipe.config.signals)
        return dataclasses.replace(recipe, config=recipe.config.replace(signals=signals))

    return change


def _in_full_batches(recipe: Recipe) -> Recipe:
    """Without the kinds of tasks that have many rows: their full batches would take too long."""
    configs = tuple(
        dataclasses.replace(each, run=dataclasses.replace(each.run, batch=None))
        for each in recipe.training.training_configs
        if np.max(each.family.points) < _MANY_ROWS  # type: ignore[attr-defined]
    )
    return _trained(recipe, training_configs=configs)


def _on_synthetic_points(recipe: Recipe) -> Recipe:
    configs = tuple(each for each in recipe.training.training_configs if isinstance(each.family, NoisyLabels))
    return _trained(recipe, training_configs=configs)


def _at_any_rate(recipe: Recipe) -> Recipe:
    """Learning rates by chance instead of those that suit cross-entropy, weights without a bound together."""
    config = recipe.config.replace(architecture={**recipe.config.architecture, "largest_total": 0.0})
    return _trained(dataclasses.replace(recipe, config=config), tuned_for=None)


def _as_network(recipe: Recipe) -> Recipe:
    """A network in the place of expressions, with the same signals and terms."""
    terms = {key: recipe.config.architecture[key] for key in ("terms", "weight_bound", "largest_total")}
    architecture = {"hidden": [8], "skip": True} | terms
    config = recipe.config.replace(family="mlp", architecture=architecture)
    return _trained(dataclasses.replace(recipe, config=config, init=()), lr=0.01)


def _trained(recipe: Recipe, **changes: object) -> Recipe:
    training: MetaTraining = dataclasses.replace(recipe.training, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(recipe, training=training)


PARTS: dict[str, Callable[[Recipe], Recipe]] = {
    "whole": lambda recipe: recipe,
    "without memory": _without_signals("running_"),
    "without progress": _without_signals("progress"),
    "full batches": _in_full_batches,
    "synthetic points": _on_synthetic_points,
    "at any learning rate": _at_any_rate,
    "network": _as_network,
}


def _meta_trained(recipe: Recipe, text: str, sizes: Sizes) -> LearnedLoss:
    kinds = (
        dataclasses.replace(each, run=dataclasses.replace(each.run, steps=min(each.run.steps, sizes.steps)))
        for each in recipe.training.training_configs[: sizes.kinds]
    )
    training = dataclasses.replace(
        recipe.training,
        training_configs=tuple(kinds),
        iterations=sizes.iterations,
        tasks=sizes.tasks,
        validation_tasks=sizes.tasks,
        validate_every=sizes.iterations,
        compiled=sizes.folder is not None,
    )
    loss = recipe.initial_loss(0)
    with tempfile.TemporaryDirectory() as temporary, reproducible_compute():
        folder = make_folder((sizes.folder or Path(temporary)) / text.replace(" ", "-"))
        meta_train(loss, training, folder, resume=True)
    loss.requires_grad_(False)
    return loss


def _error(loss: LearnedLoss, evaluation: Evaluation, card: Results, noise: str) -> float:
    setups = tuple(setup for setup in evaluation.setups if setup.noise == noise)
    return measure_another(loss, dataclasses.replace(evaluation, setups=setups), card).mean

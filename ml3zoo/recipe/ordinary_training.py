"""Meta-training as people train: real tables in minibatches, under two optimisers, by evolution strategies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from torch import nn

from ml3zoo.evaluate.ordinary_training import ADAMW, MOMENTUM
from ml3zoo.format.config import ClassRange, InnerConfig, LossConfig, SignalConfig
from ml3zoo.meta.estimators import EvolutionStrategies, Objective
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.tasks.base import TaskFamily
from ml3zoo.tasks.optimizees import MLP, Optimizee
from ml3zoo.tasks.tables import ClassSource, TableMixture, TaughtTables, UnevenTables
from ml3zoo.tasks.tables.lists import TRAINING_NUMBERS, training_tables

FEATURES = 32
"""Inputs of a network on tables."""
CLASSIFICATION_RATES: dict[InnerOptimizer, float] = {MOMENTUM: 0.06, ADAMW: 0.005}
"""The middle of three rates, of which each task has the one that is best for cross-entropy."""
ERROR_RATE = Objective(log=True, offset=0.03, cap=1.0, exact=True)


def classifier_loss(
    name: str, summary: str, signals: tuple[SignalConfig, ...], terms: tuple[str, ...], tokens: list[str]
) -> LossConfig:
    """The config of a loss that weighs several cross-entropies, a written expression for each.

    Args:
        name: of the loss.
        summary: what it is for.
        signals: what expressions see.
        terms: the cross-entropies.
        tokens: of the expressions, as :func:`~ml3zoo.losses.families.symbolic.linear_expressions` gives them.
    """
    return LossConfig(
        name=name,
        summary=summary,
        family="symbolic",
        problem_type="classification",
        signals=signals,
        architecture={"weight_bound": 5.0, "largest_total": 8.0, "terms": list(terms), "tokens": tokens},
        inner=InnerConfig(optimizer="sgd", lr=0.05, momentum=0.9, weight_decay=5e-4, steps=200),
        classes=ClassRange(2, 12),
    )


def under_both(
    family: TaskFamily, steps: int, batch: int, weight: float = 1.0, rates: dict[InnerOptimizer, float] | None = None
) -> Iterator[TrainingConfig]:
    """Tasks under either optimiser, with a cosine schedule.

    Args:
        family: of the tasks.
        steps: gradient steps.
        batch: points of a minibatch.
        weight: of these tasks in the mixture.
        rates: the middle of three learning rates for each optimiser; by default those for classifiers.
    """
    for optimizer, lr in (rates or CLASSIFICATION_RATES).items():
        yield TrainingConfig(family, InnerRun(optimizer, lr, steps, "cosine", batch), weight)


def on_class_tables(
    make: Callable[[ClassSource, Optimizee, int], TaskFamily], *, uneven: bool = False
) -> Iterator[TrainingConfig]:
    """Tasks on tables of 2 to 8 classes.

    Args:
        make: the family of tasks for a source, a network and a size of minibatch.
        uneven: whether classes that are made differ in size; else they are about as large as one another. Those that
            tables have of their own are as they are.
    """
    sources: tuple[tuple[ClassSource, int, int, float], ...] = (
        (own_classes(2, uneven), 150, 32, 0.6),
        (own_classes(3, uneven), 150, 32, 0.6),
        (own_classes(6, uneven), 150, 48, 0.6),
        (taught_classes(3, uneven), 150, 32, 1.0),
        (taught_classes(8, uneven), 200, 48, 1.0),
    )
    for source, steps, batch, weight in sources:
        family = make(source, network_on(source), batch)
        yield from under_both(family, steps, batch, weight)


def by_evolution(
    training_configs: Iterable[TrainingConfig],
    error: Objective,
    *,
    tuned_for: Callable[[], nn.Module],
    iterations: int,
    sigma: float,
    lr: float,
    lr_jitter: float = 2.0,
) -> MetaTraining:
    """Meta-training by evolution strategies over whole runs, each task with perturbations of its own.

    Args:
        training_configs: the mixture of tasks.
        error: what is to be small at the end of a run.
        tuned_for: the ordinary loss at whose learning rate the learned one is to be swapped in.
        iterations: updates.
        sigma: standard deviation of the perturbations.
        lr: of the updates.
        lr_jitter: how far around the middle the three rates lie that a task chooses from, as a natural logarithm.
    """
    return MetaTraining(
        training_configs=tuple(training_configs),
        estimator=EvolutionStrategies(error, pairs=2, sigma=sigma, shared=False),
        iterations=iterations,
        tasks=32,
        lr=lr,
        warmup=5,
        average=0.95,
        validate_every=25,
        validation_tasks=32,
        validation=error,
        lr_jitter=lr_jitter,
        tuned_for=tuned_for,
        compiled=True,
    )


def network_on(source: ClassSource, width: int = 64) -> MLP:
    """An MLP of two layers with a logit for each class of the source."""
    return MLP((FEATURES, width, width, source.classes))


def own_classes(classes: int, uneven: bool) -> TableMixture:
    """Tables with their own classes, and about as many draws of numbers cut into classes."""
    own = training_tables(classes)
    kind = UnevenTables if uneven else TableMixture
    return kind(own * max(1, len(TRAINING_NUMBERS) // len(own)) + TRAINING_NUMBERS, FEATURES, classes)


def taught_classes(classes: int, uneven: bool) -> TaughtTables:
    """Tables classified by a random network."""
    return TaughtTables(training_tables(2), FEATURES, classes, scale=1.0, unevenness=0.5 if uneven else 0.0)

"""Setups of ordinary training: a real data set under the two usual optimisers, in epochs of minibatches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from ml3zoo.evaluate.protocol import Baseline, Evaluation, Metric, Setup
from ml3zoo.format.config import InnerConfig
from ml3zoo.meta.optimizers import SGD, AdamW, InnerOptimizer
from ml3zoo.tasks.base import TaskFamily
from ml3zoo.tasks.optimizees import CNN, MLP, Optimizee
from ml3zoo.tasks.tables.lists import TEST_IMAGES, MeasuredTable

MOMENTUM, ADAMW = SGD(0.9, weight_decay=5e-4), AdamW(0.01)
MIDDLES: dict[InnerOptimizer, float] = {MOMENTUM: 0.05, ADAMW: 0.003}
"""The optimisers, each with the middle of its learning-rate grid."""
EPOCHS = 20
WIDTH, CHANNELS = 128, (8, 16)
_BATCHES = ((1000, 128), (400, 64), (0, 32))
"""From so many training rows on, so many in a minibatch."""


def batch_for(rows: int) -> int:
    """Rows in a minibatch, of so many training rows."""
    return next(batch for least, batch in _BATCHES if rows >= least)


def network_for(table: MeasuredTable) -> Optimizee:
    """A small convolutional network with batch normalisation for images, else an MLP of two layers."""
    outputs = max(table.classes, 1)
    if table.name in {each.name for each in TEST_IMAGES}:
        return CNN(math.isqrt(table.features), CHANNELS, outputs, normalisation="batch")
    return MLP((table.features, WIDTH, WIDTH, outputs))


def setups_on(
    table: MeasuredTable,
    noise: str,
    inner: InnerConfig,
    tasks: Callable[[MeasuredTable, Optimizee], TaskFamily],
    epochs: int = EPOCHS,
) -> Iterator[Setup]:
    """A setup for each optimiser, under a cosine schedule.

    Args:
        table: what is trained on.
        noise: what is wrong with its training targets, for tables.
        inner: of the learned loss.
        tasks: makes them from the table and a network.
        epochs: passes through the training rows.
    """
    network = network_for(table)
    batch = batch_for(table.training)
    family = tasks(table, network)
    for optimizer in MIDDLES:
        yield Setup.of(
            str(network),
            family,
            epochs * max(1, table.training // batch),
            MIDDLES,
            inner,
            schedule="cosine",
            data=table.name.partition(":")[2],
            noise=noise,
            optimizer=optimizer,
            unseen="data",
            batch=batch,
            epochs=epochs,
        )


def in_ordinary_training(setups: Iterable[Setup], baselines: tuple[Baseline, ...], metric: Metric) -> Evaluation:
    """The protocol: 7 learning rates over 3 decades, more at an edge; 3 validation runs, 5 test runs.

    Args:
        setups: of all data sets.
        baselines: ordinary losses; the first is the one that others are swapped in for.
        metric: what is measured.
    """
    return Evaluation(
        setups=tuple(setups),
        baselines=baselines,
        metric=metric,
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        growth=2,
        validation_tasks=3,
        test_tasks=5,
        seeds=1,
        observations=4,
    )

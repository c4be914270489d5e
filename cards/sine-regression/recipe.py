"""The best loss we can make for sine regression by plain gradient descent in 100 steps.

Run: ``ml3zoo train sine-regression``. Two things are learned, both from the error of the batch as a whole and the
training left: a weight on each point's squared error, and how much of the batch's mean error to take off first.
Gradient descent fits the mean far faster than the rest, and it is the mean that limits the step; pulling less on it
allows larger steps on everything else. Meta-trained by evolution strategies over whole inner runs, on a mixture of
networks and horizons, so that one learning rate serves them all. The weights it starts from were chosen by hand: a loss
that grows weaker with the training left and stronger as the error falls. The card measures that start by itself.
"""

from torch import Tensor, nn

from ml3zoo.evaluate import Baseline, Evaluation, Setup, Unseen
from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.meta.estimators import EvolutionStrategies, Objective
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer, optimizer_of
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import Sine

STEPS = 100
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


MIDDLES: dict[InnerOptimizer, float] = {SGD(): 0.1, SGD(momentum=0.9): 0.02, Adam(): 0.02}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid."""
HORIZONS = (20, 500)
EXAMPLE = """\
x = torch.rand(100, 1) * 10 - 5
y = 3 * torch.sin(x)
model = torch.nn.Sequential(
    torch.nn.Linear(1, 100), torch.nn.ReLU(), torch.nn.Linear(100, 10), torch.nn.ReLU(), torch.nn.Linear(10, 1)
)"""


class LogMSE(nn.Module):
    """The logarithm of the mean squared error: the one ordinary loss whose gradient knows the batch's error."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar."""
        return nn.functional.mse_loss(input, target).clamp_min(1e-12).log()


def sine_evaluation(config: LossConfig, horizons: tuple[int, ...] = HORIZONS) -> Evaluation:
    """The protocol for losses of this family of tasks; the learned loss gets its targets as its config says."""
    inner = config.inner
    main = optimizer_of(inner)

    def setup(network: MLP, optimizer: InnerOptimizer, steps: int = STEPS, unseen: Unseen = "") -> Setup:
        middle = MIDDLES[optimizer]
        scale = 1.0 if Adam() in (main, optimizer) else inner.lr / MIDDLES[main]
        return Setup(
            network=str(network),
            baseline_tasks=Sine(network, standardized=True),
            tasks=Sine(network, standardized=inner.standardized_targets),
            optimizer=optimizer,
            lr=middle,
            learned_lr=inner.lr if optimizer == main else middle * scale,
            steps=steps,
            unseen=unseen,
        )

    return Evaluation(
        setups=(
            setup(PAPER_NETWORK, main),
            *(setup(network, main, unseen="architecture") for network in UNSEEN),
            *(setup(PAPER_NETWORK, other, unseen="optimizer") for other in MIDDLES if other != main),
            *(setup(PAPER_NETWORK, main, steps, unseen="horizon") for steps in horizons),
        ),
        baselines=(
            Baseline("MSE", nn.MSELoss),
            Baseline("MAE", nn.L1Loss),
            Baseline("Huber (δ = 0.3)", lambda: nn.HuberLoss(delta=0.3)),
            Baseline("Huber (δ = 1)", nn.HuberLoss),
            Baseline("log MSE", LogMSE),
        ),
        compiled=True,
    )


def sine_recipe(
    name: str, summary: str, use_for: str, inner: InnerConfig, init: tuple[float, ...], seeds: tuple[int, ...]
) -> Recipe:
    """The recipe of a loss for this family of tasks under one optimiser.

    Args:
        name: of the loss.
        summary: for its card.
        use_for: the same in a few words, for tables.
        inner: optimiser and learning rate that it is made for.
        init: weights of the signals it starts from.
        seeds: of the meta-training.
    """
    optimizer = optimizer_of(inner)

    def training_config(network: MLP, weight: float, steps: int = STEPS) -> TrainingConfig:
        return TrainingConfig(Sine(network, standardized=True), InnerRun(optimizer, inner.lr, steps), weight)

    return Recipe(
        config=LossConfig(
            name=name,
            summary=summary,
            use_for=use_for,
            family="mlp",
            problem_type="regression",
            signals=(
                SignalConfig(signal="error", transforms=("per_batch_error", "abs")),
                SignalConfig(signal="mean_error", transforms=("per_batch_error", "square")),
                SignalConfig(signal="batch_error", transforms=("per_target_scale", "log")),
                SignalConfig(signal="remaining", transforms=("log",)),
                SignalConfig(signal="elapsed", transforms=("log",)),
                SignalConfig(signal="progress", shift=0.5, scale=0.5),
            ),
            architecture={"hidden": [], "weight_bound": 6.0, "centering": True},
            inner=inner,
        ),
        init=init,
        training=MetaTraining(
            training_configs=(
                *(training_config(network, weight) for network, weight in MIXTURE.items()),
                *(training_config(PAPER_NETWORK, 1.5, steps) for steps in (40, 250)),
            ),
            estimator=EvolutionStrategies(ERROR, pairs=16, sigma=0.1),
            iterations=500,
            tasks=8,
            lr=0.015,
            warmup=10,
            lr_jitter=0.15,
            average=0.97,
            validation_tasks=96,
            validation=ERROR,
            restart_margin=0.1,
            compiled=True,
        ),
        evaluation=sine_evaluation,
        example=EXAMPLE,
        seeds=seeds,
    )


RECIPE = sine_recipe(
    name="sine-regression",
    summary=(
        "Weights the squared error by the batch's error and the training left, and pulls less on the mean error, "
        "so that plain gradient descent gets far in 100 steps, at one learning rate for many networks."
    ),
    use_for="a hundred steps of plain SGD",
    inner=InnerConfig(optimizer="sgd", lr=0.07, steps=STEPS, standardized_targets=True),
    init=(0.0, -0.1, -1.5, 1.0, 0.1, 0.3),
    seeds=(0,),
)

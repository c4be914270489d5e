"""Regression with outliers among the training targets: heavy tails, gross errors, errors to one side.

Run: ``ml3zoo train outlier-regression``. The squared error of each point has a learned weight, whose logarithm is a
polynomial of the second order: in the size of the error beside the spread of targets and beside the other errors, in
its sign, in how the batch's errors are spread and to which side the large ones lie, and in the share of training done.
Weights carry no gradient of their own. Clean targets exist only in meta-training: the objective is the error on them at
the end of a run. Meta-trained by differentiation through whole runs on random functions of 1 to 8 inputs, without
noise and with five kinds of it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from ml3zoo.evaluate import Baseline, Evaluation, Metric, Setup, Unseen
from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.families.taylor import polynomial_monomials
from ml3zoo.losses.ordinary import GeneralRobustLoss, LogCosh
from ml3zoo.meta.estimators import Objective, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.noisy_targets import NoisyTargets
from ml3zoo.tasks.optimizees import Activation
from ml3zoo.tasks.target_noise import NoiseKind, TargetNoise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 150
LR = 0.15
MOMENTUM = SGD(momentum=0.9)
LOG_ERROR = Objective(log=True, offset=0.05, cap=2.0)
SEEN: tuple[NoiseKind, ...] = ("no", "Gaussian", "Student", "gross", "one-sided", "log-normal")
UNSEEN: tuple[NoiseKind, ...] = ("Laplace", "Pareto", "clustered", "heteroscedastic")
MAIN = NoisyTargets(TargetNoise(SEEN))
MIXTURE = (
    (NoisyTargets(TargetNoise(SEEN), 1, points=96), 1.0),
    (MAIN, 2.0),
    (NoisyTargets(TargetNoise(("no", "Gaussian"))), 1.0),
    (NoisyTargets(TargetNoise(SEEN), 8, (32,), points=192), 1.0),
    (NoisyTargets(TargetNoise(SEEN), 4, (48,), "tanh", points=96), 1.0),
)
SIGNALS = (
    signal("error", "per_tolerance", "detach", "square", "log1p", shift=0.0, scale=2.0),
    signal("error", "per_typical_error", "detach", "square", "log1p", shift=0.0, scale=2.0),
    signal("error", "per_typical_error", "detach", "squash", shift=0.0, scale=1.0),
    signal("asymmetry", shift=0.0, scale=0.4),
    signal("batch_error", "per_typical_error", "log", shift=0.8, scale=0.6),
    signal("typical_error", "per_typical_target", "log", shift=-1.0, scale=0.7),
    signal("progress"),
)
SIZE, RANK, SIDE, ASYMMETRY, TAIL, MISFIT, PROGRESS = range(len(SIGNALS))
ORDER = 2
START = {
    (SIZE,): -1.75,
    (TAIL,): 0.25,
    (PROGRESS,): -0.35,
    (SIZE, TAIL): -0.25,
    (SIZE, MISFIT): 0.2,
    (SIZE, PROGRESS): 0.15,
    (RANK, TAIL): -0.25,
    (RANK, PROGRESS): 0.15,
    (SIDE, ASYMMETRY): -0.3,
    (TAIL, MISFIT): 0.2,
    (MISFIT, PROGRESS): 0.4,
    (PROGRESS, PROGRESS): -0.25,
}
"""Coefficients that meta-training starts from: near Cauchy's loss (the first alone), with the products that a search by
evolution strategies over far more runs found to matter."""
MIDDLES: dict[InnerOptimizer, float] = {MOMENTUM: 0.1, SGD(): 0.3, Adam(): 0.01}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid for ordinary losses."""
CLEAN_NMSE = Metric(
    name="clean NMSE",
    description="Mean squared error on clean targets of held-out points, over their variance,",
    conditions=(
        "Targets were in units of the quartiles of the noisy ones; everything was chosen by the mean absolute error on "
        "noisy validation points."
    ),
)
EXAMPLE = """\
x = torch.randn(128, 4)
y = torch.sin(x[:, :1] + x[:, 1:2])
y = torch.where(torch.rand(128, 1) < 0.2, y + 5 * torch.rand(128, 1), y)  # a fifth of the targets are too large
y = (y - y.median()) / ((y.quantile(0.75) - y.quantile(0.25)) / 1.349)  # units that outliers hardly change
model = torch.nn.Sequential(
    torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)
)"""


def outlier_evaluation(config: LossConfig) -> Evaluation:
    """The protocol: all kinds of noise together, each kind alone, then networks and optimisers never seen."""

    def setup(
        kinds: tuple[NoiseKind, ...] = SEEN,
        hidden: tuple[int, ...] = MAIN.hidden,
        activation: Activation = "ReLU",
        optimizer: InnerOptimizer | None = None,
        unseen: Unseen = "",
    ) -> Setup:
        tasks = NoisyTargets(TargetNoise(kinds), MAIN.features, hidden, activation, MAIN.points)
        return Setup.of(
            str(tasks.optimizee),
            tasks,
            STEPS,
            MIDDLES,
            config.inner,
            noise=str(tasks.noise),
            optimizer=optimizer,
            unseen=unseen,
        )

    return Evaluation(
        setups=(
            setup(),
            *(setup((kind,)) for kind in SEEN),
            setup(UNSEEN, unseen="data"),
            *(setup((kind,), unseen="data") for kind in UNSEEN),
            setup(hidden=(64, 64, 64), unseen="architecture"),
            setup(hidden=(100,), activation="SiLU", unseen="architecture"),
            setup(hidden=(48, 48), activation="GELU", unseen="architecture"),
            *(setup(optimizer=other, unseen="optimizer") for other in MIDDLES if other != MOMENTUM),
        ),
        baselines=(
            Baseline("MSE", nn.MSELoss),
            Baseline("MAE", nn.L1Loss),
            *(Baseline("Huber", partial(nn.HuberLoss, delta=delta), f"δ = {delta}") for delta in (0.1, 0.5)),
            Baseline("log-cosh", partial(LogCosh, 0.3), "scale 0.3"),
            *(Baseline("Cauchy", partial(GeneralRobustLoss, 0.0, scale), f"scale {scale}") for scale in (0.2, 0.5)),
            *(
                Baseline("Barron", partial(GeneralRobustLoss, alpha, scale), f"α = {alpha}, scale {scale}")
                for alpha, scale in ((-2.0, 0.3), (0.5, 0.3))
            ),
        ),
        metric=CLEAN_NMSE,
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        validation_tasks=50,
        compiled=True,
    )


def draw_pictures(loss: LearnedLoss) -> dict[str, Figure]:
    """How far a point may pull, by its error."""
    from ml3zoo.plots.influence import draw_influence

    return {"influence": draw_influence(loss)}


RECIPE = Recipe(
    config=LossConfig(
        name="outlier-regression",
        summary=(
            "For regression with outliers among the training targets, to both sides or to one. Weighs the squared "
            "error of each point by what its error is in this batch, and by what the batch's errors are like. "
            "Meta-training starts from coefficients that a longer search had found."
        ),
        family="taylor",
        problem_type="regression",
        signals=SIGNALS,
        architecture={"order": ORDER, "weight_bound": 6.0},
        inner=InnerConfig(optimizer="sgd", lr=LR, momentum=0.9, steps=STEPS),
    ),
    init=tuple(START.get(term, 0.0) for term in polynomial_monomials(len(SIGNALS), ORDER)),
    training=MetaTraining(
        training_configs=tuple(
            TrainingConfig(tasks, InnerRun(MOMENTUM, LR, STEPS), weight) for tasks, weight in MIXTURE
        ),
        estimator=Unrolled(LOG_ERROR, clip=0.3),
        iterations=400,
        tasks=24,
        lr=0.004,
        warmup=5,
        average=0.9,
        validate_every=10,
        validation_tasks=100,
        validation=LOG_ERROR,
        lr_jitter=0.4,
        restart_margin=0.02,
        compiled=True,
    ),
    evaluation=outlier_evaluation,
    pictures=draw_pictures,
    example=EXAMPLE,
)

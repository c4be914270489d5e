"""Regression with outliers among the training targets: heavy tails, gross errors, errors to one side.

Run: ``ml3zoo train outlier-regression``. The squared error of each point has a learned weight, from its error in units
of the batch's typical error, with its sign, and from the batch as a whole: how far large errors lie to one side, how
heavy their tail is, how large the typical error is, and the share of training done. Weights carry no gradient of their
own. Clean targets exist only while it is meta-trained: the aim is the error on them at the end of a run. Meta-trained
by differentiation through whole runs on random functions of 1 to 8 inputs, without noise and with five kinds of it.
"""

from functools import partial

from torch import nn

from ml3zoo.config import InnerConfig, LossConfig, Regression, SignalConfig, Transform
from ml3zoo.evaluate import Baseline, Cell, Evaluation, Metric, Unseen
from ml3zoo.meta.estimators import Objective, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, Setting
from ml3zoo.ordinary import GeneralRobustLoss, LogCosh
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.noisy_targets import NoisyTargets
from ml3zoo.tasks.optimizees import Activation
from ml3zoo.tasks.target_noise import Kind, TargetNoise

STEPS = 150
LR = 0.04
MOMENTUM = SGD(momentum=0.9)
LOG_ERROR = Objective(log=True, offset=0.01, cap=2.0)
SEEN: tuple[Kind, ...] = ("no", "Gaussian", "Student", "gross", "one-sided", "log-normal")
UNSEEN: tuple[Kind, ...] = ("Laplace", "Pareto", "clustered", "heteroscedastic")
MAIN = NoisyTargets(TargetNoise(SEEN))
MIXTURE = (
    (NoisyTargets(TargetNoise(SEEN), 1, points=96), 1.0),
    (MAIN, 2.0),
    (NoisyTargets(TargetNoise(SEEN), 8, (32,), points=192), 1.0),
    (NoisyTargets(TargetNoise(SEEN), 4, (48,), "tanh", points=96), 1.0),
    (NoisyTargets(TargetNoise(("no",))), 1.0),
    (NoisyTargets(TargetNoise(("no", "Gaussian"))), 1.0),
)
MIDDLES: dict[InnerOptimizer, float] = {MOMENTUM: 0.03, SGD(): 0.1, Adam(): 0.01}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid for ordinary losses."""
CLEAN_NMSE = Metric(
    name="clean NMSE",
    description="Mean squared error on clean targets of held-out points, over their variance,",
    terms=(
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
    """The protocol: kinds of noise together, alone and never seen, then networks and optimisers never seen."""

    def cell(
        kinds: tuple[Kind, ...] = SEEN,
        hidden: tuple[int, ...] = MAIN.hidden,
        activation: Activation = "ReLU",
        optimizer: InnerOptimizer = MOMENTUM,
        unseen: Unseen = "",
    ) -> Cell:
        tasks = NoisyTargets(TargetNoise(kinds), MAIN.features, hidden, activation, MAIN.points)
        main = optimizer == MOMENTUM
        return Cell(
            network=f"{tasks.noise}, {tasks.optimizee}",
            careful=tasks,
            own=tasks,
            optimizer=optimizer,
            lr=MIDDLES[optimizer],
            learned_lr=config.inner.lr if main else MIDDLES[optimizer],
            steps=STEPS,
            unseen=unseen,
        )

    return Evaluation(
        cells=(
            cell(),
            *(cell((kind,)) for kind in ("no", "Gaussian", "one-sided")),
            cell(UNSEEN, unseen="data"),
            cell(hidden=(64, 64, 64), unseen="architecture"),
            cell(hidden=(100,), activation="SiLU", unseen="architecture"),
            cell(hidden=(48, 48), activation="GELU", unseen="architecture"),
            *(cell(optimizer=other, unseen="optimizer") for other in MIDDLES if other != MOMENTUM),
        ),
        baselines=(
            Baseline("MSE", nn.MSELoss),
            Baseline("MAE", nn.L1Loss),
            *(Baseline("Huber", partial(nn.HuberLoss, delta=delta), f"δ = {delta}") for delta in (0.1, 0.5)),
            Baseline("log-cosh", partial(LogCosh, 0.3), "scale 0.3"),
            *(Baseline("Cauchy", partial(GeneralRobustLoss, 0.0, scale), f"scale {scale}") for scale in (0.2, 0.5)),
            *(
                Baseline("Barron", partial(GeneralRobustLoss, alpha, scale), f"α = {alpha}, scale {scale}")
                for alpha, scale in ((-2.0, 1.0), (0.5, 0.3))
            ),
        ),
        metric=CLEAN_NMSE,
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        validation_tasks=30,
        compiled=True,
    )


def signal(name: Regression, *transforms: Transform, shift: float = 0.0, scale: float = 1.0) -> SignalConfig:
    """A signal brought to about -1 to 1."""
    return SignalConfig(signal=name, transforms=transforms, shift=shift, scale=scale)


RECIPE = Recipe(
    config=LossConfig(
        name="outlier-regression",
        summary=(
            "For regression with outliers among the training targets, to both sides or to one. Weighs the squared "
            "error of each point by what its error is in this batch, and by what the batch's errors are like."
        ),
        family="mlp",
        kind="regression",
        signals=(
            signal("error", "per_typical_error", "detach", "squash"),
            signal("error", "per_typical_error", "detach", "square", "log1p", shift=1.5, scale=1.5),
            signal("error", "per_typical_target", "detach", "squash"),
            signal("error", "per_typical_target", "detach", "square", "log1p", shift=0.5, scale=0.5),
            signal("asymmetry", scale=0.4),
            signal("median_error", "per_typical_error", scale=0.4),
            signal("batch_error", "per_typical_error", "log", shift=0.8, scale=0.6),
            signal("typical_error", "per_typical_target", "log", shift=-1.0, scale=0.7),
            SignalConfig(signal="progress", shift=0.5, scale=0.5),
        ),
        architecture={"hidden": [32], "skip": True, "weight_bound": 6.0},
        inner=InnerConfig(optimizer="sgd", lr=LR, momentum=0.9, steps=STEPS),
    ),
    prior=(0.0, -1.0, 0.0, -0.2, 0.0, 0.0, 0.0, 0.0, 0.0),
    training=MetaTraining(
        settings=tuple(Setting(tasks, InnerRun(MOMENTUM, LR, STEPS), weight) for tasks, weight in MIXTURE),
        estimator=Unrolled(LOG_ERROR, clip=0.3),
        iterations=400,
        tasks=32,
        lr=0.006,
        warmup=5,
        average=0.95,
        validate_every=20,
        validation_tasks=96,
        validation=LOG_ERROR,
        lr_jitter=0.8,
        restart_margin=0.1,
        compiled=True,
    ),
    evaluation=outlier_evaluation,
    example=EXAMPLE,
)

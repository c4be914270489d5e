"""Telling two digits apart from a few labels of each, in few steps, helped by images that have no label.

Run: ``ml3zoo train digits-pairs``. Three losses are added up for each point: the cross-entropy to its label, the
entropy of its prediction, and a pull towards the class that the batch as a whole predicts too rarely. Their weights are
learned, from whether the point has a label, how likely the model finds it, how sure it is, what the batch is like as a
whole, and the share of training done; they start at those of information maximisation (Krause, Perona, Gomes 2010). A
point without a label has the target (1/2, 1/2). The objective of meta-training is the error on other images: half at
the end, half as a mean over all steps. Meta-trained by differentiation through whole runs, on 25 pairs of digits, with
2 to 20 labels of each, under pixel noise too. Source of the task: Bechtle et al. 2020.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import nn

from ml3zoo.evaluate import Baseline, Evaluation, Metric, ReportedStep, Setup, Unseen
from ml3zoo.format.config import ClassRange, InnerConfig, LossConfig, signal
from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.ordinary import FocalLoss, PartlyLabelled
from ml3zoo.meta.estimators import Objective, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.image_pairs import ImagePairs
from ml3zoo.tasks.optimizees import CNN, MLP, Optimizee

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 100
LR = 0.15
ERROR = Objective(log=False, cap=1.0)
NETWORK = MLP((64, 32, 2))
MIXTURE = (
    (ImagePairs(NETWORK, 10, 24), 1.5),
    (ImagePairs(NETWORK, 10, 24, noise=0.7), 1.5),
    (ImagePairs(NETWORK, 10, noise=0.5), 1.0),
    (ImagePairs(NETWORK, 2, 24), 1.5),
    (ImagePairs(NETWORK, 5, 24, noise=0.7), 1.0),
    (ImagePairs(MLP((64, 48, 2), "tanh"), 5, 30, noise=0.5), 1.0),
    (ImagePairs(MLP((64, 24, 24, 2), "SiLU"), 20, 16, noise=0.5), 1.0),
)
MIDDLES: dict[InnerOptimizer, float] = {SGD(): 0.3, SGD(momentum=0.9): 0.05, Adam(): 0.01}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid."""
ERROR_RATE = Metric(
    name="error rate",
    description="Error rate on other images of the two classes",
    conditions="No pair of digits and no image of the test tasks was seen in meta-training.",
    cap=1.0,
)
EXAMPLE = """\
labels = torch.arange(60) % 2
x = torch.randn(60, 64) + 0.5 * (2 * labels[:, None] - 1)
y = torch.nn.functional.one_hot(labels).float()
y[20:] = 0.5  # two thirds of the points have no label
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))"""


def smoothed(epsilon: float) -> PartlyLabelled:
    """Label smoothing where there are labels."""
    return PartlyLabelled(nn.CrossEntropyLoss(label_smoothing=epsilon, reduction="none"))


def focal(gamma: float) -> PartlyLabelled:
    """The focal loss where there are labels."""
    return PartlyLabelled(FocalLoss(gamma, "none"))


def pairs_evaluation(config: LossConfig) -> Evaluation:
    """The protocol: the mean over all steps and the end, by number of labels; networks and optimisers never seen."""

    def setup(
        reported_step: ReportedStep = "mean",
        labels: int = 10,
        unlabelled: int = 24,
        network: Optimizee = NETWORK,
        optimizer: InnerOptimizer | None = None,
        unseen: Unseen = "data",
    ) -> Setup:
        return Setup.of(
            str(network),
            ImagePairs(network, labels, unlabelled),
            STEPS,
            MIDDLES,
            config.inner,
            data=f"{labels} labels of each digit, {unlabelled or 'no'} images without",
            optimizer=optimizer,
            unseen=unseen,
            reported_step=reported_step,
        )

    reported_steps: tuple[ReportedStep, ...] = ("mean", "last")
    return Evaluation(
        setups=(
            *(
                setup(reported_step, labels, unlabelled)
                for labels, unlabelled in ((10, 24), (2, 24), (10, 0))
                for reported_step in reported_steps
            ),
            *(
                setup("last", network=network, unseen="architecture")
                for network in (MLP((64, 2)), MLP((64, 48, 48, 48, 2)), CNN(8, (4, 8), 2))
            ),
            *(setup("last", optimizer=other, unseen="optimizer") for other in MIDDLES if other != SGD()),
        ),
        baselines=(
            Baseline("cross-entropy", PartlyLabelled),
            *(Baseline("label smoothing", partial(smoothed, e), f"ε = {e}") for e in (0.1, 0.3)),
            *(Baseline("focal", partial(focal, gamma), f"γ = {gamma}") for gamma in (1.0, 2.0)),
            *(Baseline("entropy", partial(PartlyLabelled, entropy=w), f"weight {w}") for w in (0.1, 0.3)),
            *(
                Baseline("information", partial(PartlyLabelled, entropy=w, balance=b), f"weight {w}, balance {b}")
                for w, b in ((0.3, 1.0), (0.3, 2.0), (0.6, 2.0))
            ),
            *(
                Baseline("pseudo-labels", partial(PartlyLabelled, pseudo=w, threshold=t), f"weight {w}, from {t:.0%}")
                for w, t in ((0.3, 0.7), (1.0, 0.95))
            ),
        ),
        metric=ERROR_RATE,
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        observations=STEPS,
        validation_tasks=100,
        compiled=True,
    )


def draw_pictures(loss: LearnedLoss) -> dict[str, Figure]:
    """What it does to images without a label."""
    from ml3zoo.plots.unlabelled import draw_unlabelled

    return {"unlabelled": draw_unlabelled(loss)}


RECIPE = Recipe(
    config=LossConfig(
        name="digits-pairs",
        summary=(
            "For binary classification with few labels and few steps. Images without a label help, with the target "
            "(1/2, 1/2). Adds up, with learned weights, the cross-entropy to the label, the entropy of the prediction "
            "and a pull to the class that the batch predicts too rarely."
        ),
        use_for="two classes, few labels, unlabelled images",
        family="mlp",
        problem_type="classification",
        signals=(
            signal("probability", "detach"),
            signal("confidence", "detach", shift=0.75, scale=0.25),
            signal("target_certainty"),
            signal("mean_certainty", "log", shift=-0.8, scale=0.8),
            signal("mean_confidence", shift=0.75, scale=0.25),
            signal("agreement"),
            signal("balance", shift=0.9, scale=0.1),
            signal("progress"),
        ),
        architecture={
            "hidden": [16],
            "skip": True,
            "weight_bound": 4.0,
            "terms": ["labelled_cross_entropy", "entropy", "crowding"],
        },
        inner=InnerConfig(optimizer="sgd", lr=LR, steps=STEPS),
        classes=ClassRange(2, 2),
    ),
    init=(0.0, 0.0, 0.0, -0.8, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0),
    training=MetaTraining(
        training_configs=tuple(TrainingConfig(tasks, InnerRun(SGD(), LR, STEPS), weight) for tasks, weight in MIXTURE),
        estimator=Unrolled(ERROR, clip=0.3, objective_steps="both"),
        iterations=700,
        tasks=48,
        lr=0.008,
        warmup=5,
        average=0.95,
        validate_every=10,
        validation_tasks=128,
        validation=ERROR,
        lr_jitter=0.9,
        compiled=True,
    ),
    evaluation=pairs_evaluation,
    pictures=draw_pictures,
    example=EXAMPLE,
)

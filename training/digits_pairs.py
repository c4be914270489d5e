"""Telling two digits apart from a few labels of each, in few steps.

Run: ``ml3zoo train digits-pairs``. Three cross-entropies are added up for each point: to its label, to the model's own
guess, and to both classes alike. Their weights are learned, from how likely the model finds the label, how it does on
the batch as a whole, and the share of training done. The aim of meta-training is the error on other images at every
step. Meta-trained by differentiation through whole runs, on 25 pairs of digits, with 3 to 30 labels of each. Source of
the task: Bechtle et al. 2020.
"""

from functools import partial

from torch import nn

from ml3zoo.config import Classification, Clock, InnerConfig, LossConfig, SignalConfig, Transform
from ml3zoo.evaluate import Baseline, Cell, Counts, Evaluation, Metric, Unseen
from ml3zoo.meta.estimators import Objective, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, Setting
from ml3zoo.ordinary import FocalLoss
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.image_pairs import ImagePairs
from ml3zoo.tasks.optimizees import CNN, MLP, Optimizee

STEPS = 100
LR = 0.3
ERROR = Objective(log=False, cap=1.0)
NETWORK = MLP((64, 32, 2))
MIXTURE = (
    (ImagePairs(NETWORK, 10), 2.0),
    (ImagePairs(NETWORK, 3), 1.0),
    (ImagePairs(MLP((64, 48, 2), "tanh"), 5), 1.0),
    (ImagePairs(MLP((64, 24, 24, 2), "SiLU"), 30), 1.0),
)
MIDDLES: dict[InnerOptimizer, float] = {SGD(): 0.3, SGD(momentum=0.9): 0.05, Adam(): 0.01}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid."""
ERROR_RATE = Metric(
    name="error rate",
    description="Error rate on other images of the two classes",
    terms="No pair of digits and no image of the test tasks was seen in meta-training.",
    cap=1.0,
)
EXAMPLE = """\
y = torch.arange(20) % 2
x = torch.randn(20, 64) + 0.5 * (2 * y[:, None] - 1)
model = torch.nn.Sequential(torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2))"""


def pairs_evaluation(config: LossConfig) -> Evaluation:
    """The protocol: the mean over all steps and the end, by number of labels; networks and optimisers never seen."""

    def cell(
        counts: Counts = "mean",
        labels: int = 10,
        network: Optimizee = NETWORK,
        optimizer: InnerOptimizer | None = None,
        unseen: Unseen = "data",
    ) -> Cell:
        tasks, chosen = ImagePairs(network, labels), optimizer or SGD()
        return Cell(
            network=f"{labels} labels of each digit, {network}",
            careful=tasks,
            own=tasks,
            optimizer=chosen,
            lr=MIDDLES[chosen],
            learned_lr=config.inner.lr if chosen == SGD() else MIDDLES[chosen],
            steps=STEPS,
            unseen=unseen,
            counts=counts,
        )

    regimes: tuple[Counts, ...] = ("mean", "end")
    return Evaluation(
        cells=(
            *(cell(counts, labels) for labels in (10, 2, 5, 30) for counts in regimes),
            *(
                cell(counts, network=network, unseen="architecture")
                for network in (MLP((64, 2)), MLP((64, 48, 48, 48, 2)), CNN(8, (8, 16), 2))
                for counts in regimes
            ),
            *(
                cell(counts, optimizer=other, unseen="optimizer")
                for other in MIDDLES
                if other != SGD()
                for counts in regimes
            ),
        ),
        baselines=(
            Baseline("cross-entropy", nn.CrossEntropyLoss),
            *(
                Baseline("label smoothing", partial(nn.CrossEntropyLoss, label_smoothing=e), f"ε = {e}")
                for e in (0.1, 0.3)
            ),
            *(Baseline("focal", partial(FocalLoss, gamma), f"γ = {gamma}") for gamma in (1.0, 2.0)),
        ),
        metric=ERROR_RATE,
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        observations=STEPS,
        compiled=True,
    )


def signal(
    name: Classification | Clock, *transforms: Transform, shift: float = 0.5, scale: float = 0.5
) -> SignalConfig:
    """A signal brought to about -1 to 1."""
    return SignalConfig(signal=name, transforms=transforms, shift=shift, scale=scale)


RECIPE = Recipe(
    config=LossConfig(
        name="digits-pairs",
        summary=(
            "For binary classification with few labels and few steps. Weighs three cross-entropies for each point, by "
            "what the model thinks of its label and of the whole batch: to the label, to the model's own guess and to "
            "both classes alike."
        ),
        family="mlp",
        kind="classification",
        signals=(
            signal("probability", "detach"),
            signal("mean_probability"),
            signal("mean_confidence"),
            signal("agreement"),
            signal("progress"),
        ),
        architecture={
            "hidden": [16],
            "skip": True,
            "weight_bound": 6.0,
            "weighted": ["cross_entropy", "self_cross_entropy", "uniform_cross_entropy"],
        },
        inner=InnerConfig(optimizer="sgd", lr=LR, steps=STEPS),
    ),
    training=MetaTraining(
        settings=tuple(Setting(tasks, InnerRun(SGD(), LR, STEPS), weight) for tasks, weight in MIXTURE),
        estimator=Unrolled(ERROR, clip=0.3, aim="curve"),
        iterations=500,
        tasks=32,
        lr=0.02,
        warmup=5,
        average=0.9,
        validate_every=20,
        validation_tasks=128,
        validation=ERROR,
        lr_jitter=0.3,
        compiled=True,
    ),
    evaluation=pairs_evaluation,
    example=EXAMPLE,
)

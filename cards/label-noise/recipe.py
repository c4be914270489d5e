"""Classification with wrong labels among the training labels, without knowing which or how many.

Run: ``ml3zoo train label-noise``. Three cross-entropies are added up for each point: to its label, to the model's own
guess, and to all classes alike. Their weights are learned, from how likely the model finds the label, how sure it is,
how far it agrees with the labels of the whole batch, and the share of training done. True labels exist only in
meta-training: the objective is the error on them at the end of a run. Meta-trained by differentiation through whole
runs, on mixtures of Gaussians and on classes made by random networks, 2 to 20 of them, with three kinds of noise and
rates of 0 to 60 %.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from ml3zoo.evaluate import Baseline, Evaluation, Metric, ReportedStep, Setup, Unseen
from ml3zoo.format.config import ClassRange, InnerConfig, LossConfig, signal
from ml3zoo.losses.ordinary import GeneralizedCrossEntropy, MeanAbsoluteProbability, SymmetricCrossEntropy
from ml3zoo.meta.estimators import Objective, Unrolled
from ml3zoo.meta.initialisation.distillation import Distillation
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.class_data import Mixtures, RealData, Source, Teachers
from ml3zoo.tasks.label_noise import AnyOf, ClassDependent, LabelNoise, NearBoundary, Pairwise, Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels
from ml3zoo.tasks.optimizees import Activation

STEPS = 150
LR = 0.02
MOMENTUM = SGD(momentum=0.9)
ERROR = Objective(log=True, offset=0.1, cap=1.0)
SEEN_NOISE = AnyOf((Symmetric(), Pairwise(), ClassDependent()))
RATES = (0.0, 0.2, 0.4, 0.6)
CORRELATED = Mixtures(10, 64, separation=6.0, latent=12)
MIXTURE = (
    (NoisyLabels(Mixtures(2, 30, latent=4), SEEN_NOISE, (32,), points=96), 1.0),
    (NoisyLabels(Mixtures(3, 12), SEEN_NOISE, (32,), points=96), 1.0),
    (NoisyLabels(Mixtures(5, 32, separation=7.0, latent=10), SEEN_NOISE, (32,), points=128), 1.0),
    (NoisyLabels(Mixtures(10), SEEN_NOISE, (48,), points=160), 2.0),
    (NoisyLabels(Mixtures(10), SEEN_NOISE, (48,), rates=(0.0, 0.1), points=160), 1.5),
    (NoisyLabels(CORRELATED, SEEN_NOISE, (48,), points=160), 2.0),
    (NoisyLabels(CORRELATED, SEEN_NOISE, (48,), rates=(0.0, 0.1), points=160), 1.5),
    (NoisyLabels(Mixtures(20), SEEN_NOISE, (48, 24), points=200), 1.0),
    (NoisyLabels(Teachers(4), SEEN_NOISE, (48,), points=160), 1.0),
    (NoisyLabels(Teachers(2, 30), SEEN_NOISE, (32,), points=128), 1.0),
)
MAIN = MIXTURE[3][0]
STUDENT_CONFIGS = (0, 2, 3, 4, 5, 6)
"""The part of the mixture that students are fitted to and meta-trained on."""
MIDDLES: dict[InnerOptimizer, float] = {MOMENTUM: 0.05, SGD(): 0.5, Adam(): 0.01}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid."""
ERROR_RATE = Metric(
    name="error rate",
    description="Error rate on true labels",
    conditions="Everything was chosen by the error on validation points whose labels are wrong like those of training.",
    cap=1.0,
)
EXAMPLE = """\
labels = torch.randint(3, (150,))
x = torch.randn(150, 4) + 2 * torch.nn.functional.one_hot(labels, 4)
y = torch.where(torch.rand(150) < 0.3, torch.randint(3, (150,)), labels)  # a fifth of the labels are wrong
model = torch.nn.Sequential(torch.nn.Linear(4, 32), torch.nn.ReLU(), torch.nn.Linear(32, 3))"""


def label_noise_evaluation(
    config: LossConfig, rates: tuple[float, ...] = RATES, reported_steps: tuple[ReportedStep, ...] = ("last", "best")
) -> Evaluation:
    """The protocol: rates of noise in one or two regimes, then data, noise, networks and optimisers never seen."""

    def setup(
        source: Source = MAIN.source,
        noise: LabelNoise = SEEN_NOISE,
        rates: tuple[float, float] = MAIN.rates,
        network: tuple[tuple[int, ...], Activation] = (MAIN.hidden, "ReLU"),
        optimizer: InnerOptimizer | None = None,
        unseen: Unseen = "",
        reported_step: ReportedStep = "last",
    ) -> Setup:
        hidden, activation = network
        tasks = NoisyLabels(source, noise, hidden, activation, rates, points=MAIN.points)
        wrong = f"{rates[0]:.0%}" if rates[0] == rates[1] else f"{rates[0]:.0%} to {rates[1]:.0%}"
        return Setup.of(
            str(tasks.optimizee),
            tasks,
            STEPS,
            MIDDLES,
            config.inner,
            data=str(source),
            noise=f"{wrong} {noise} noise",
            optimizer=optimizer,
            unseen=unseen,
            reported_step=reported_step,
        )

    digits, cancer = RealData("digits", 64, 10), RealData("breast_cancer", 30, 2)
    return Evaluation(
        setups=(
            setup(),
            *(
                setup(rates=(rate, rate), reported_step=reported_step)
                for reported_step in reported_steps
                for rate in rates
            ),
            *(
                setup(digits, Symmetric(), (rate, rate), unseen="data", reported_step=reported_step)
                for reported_step in reported_steps
                for rate in rates
            ),
            *(
                setup(cancer, NearBoundary(), (0.2, 0.2), unseen="data", reported_step=reported_step)
                for reported_step in reported_steps
            ),
            *(
                setup(Teachers(4), NearBoundary(), (0.0, 0.4), unseen="data", reported_step=reported_step)
                for reported_step in reported_steps
            ),
            *(
                setup(network=network, unseen="architecture")
                for network in (((48, 48, 48), "ReLU"), ((96,), "SiLU"), ((64,), "tanh"))
            ),
            *(setup(optimizer=other, unseen="optimizer") for other in (SGD(), Adam())),
        ),
        baselines=(
            Baseline("cross-entropy", nn.CrossEntropyLoss),
            *(
                Baseline("label smoothing", partial(nn.CrossEntropyLoss, label_smoothing=e), f"ε = {e}")
                for e in (0.1, 0.3)
            ),
            Baseline("MAE", MeanAbsoluteProbability),
            *(Baseline("generalised CE", partial(GeneralizedCrossEntropy, q), f"q = {q}") for q in (0.4, 0.7)),
            *(Baseline("symmetric CE", partial(SymmetricCrossEntropy, a, 1.0), f"α = {a}") for a in (0.1, 0.5)),
        ),
        metric=ERROR_RATE,
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        validation_tasks=20,
        compiled=True,
    )


def _classes(part: Iterable[int]) -> ClassRange:
    """How many classes the tasks of a part of the mixture have."""
    counts = [MIXTURE[k][0].source.classes for k in part]
    return ClassRange(min(counts), max(counts))


RECIPE = Recipe(
    config=LossConfig(
        name="label-noise",
        summary=(
            "For classification with wrong labels among the training labels. Weighs three cross-entropies for each "
            "point, by what the model thinks of its label and of the whole batch: to the label, to the model's own "
            "guess and to all classes alike."
        ),
        family="mlp",
        problem_type="classification",
        signals=(
            signal("probability", "detach"),
            signal("confidence", "detach"),
            signal("mean_probability"),
            signal("agreement"),
            signal("progress"),
            signal("classes", "log", shift=1.6, scale=1.0),
        ),
        architecture={
            "hidden": [32],
            "skip": True,
            "weight_bound": 5.0,
            "terms": ["cross_entropy", "self_cross_entropy", "uniform_cross_entropy"],
        },
        inner=InnerConfig(optimizer="sgd", lr=LR, momentum=0.9, steps=STEPS),
        classes=_classes(range(len(MIXTURE))),
    ),
    training=MetaTraining(
        training_configs=tuple(
            TrainingConfig(tasks, InnerRun(MOMENTUM, LR, STEPS), weight) for tasks, weight in MIXTURE
        ),
        estimator=Unrolled(ERROR, clip=0.3),
        iterations=800,
        tasks=16,
        lr=0.008,
        warmup=5,
        average=0.95,
        validate_every=20,
        validation_tasks=64,
        validation=ERROR,
        lr_jitter=0.6,
        compiled=True,
    ),
    evaluation=label_noise_evaluation,
    example=EXAMPLE,
)


def student_recipe(name: str, summary: str, family: str, architecture: dict[str, Any]) -> Recipe:
    """The recipe of a loss of another family, which starts as the student of this one and is meta-trained from there.

    Args:
        name: of the loss.
        summary: for its card.
        family: of the loss.
        architecture: of the loss; its terms and the bound of their weights are the same as here.
    """
    shared = {key: RECIPE.config.architecture[key] for key in ("terms", "weight_bound")}
    return replace(
        RECIPE,
        config=RECIPE.config.replace(
            name=name,
            summary=summary,
            family=family,
            architecture=architecture | shared,
            classes=_classes(STUDENT_CONFIGS),
        ),
        initialisation=Distillation(RECIPE.config.name),
        evaluation=partial(label_noise_evaluation, rates=(0.0, 0.4), reported_steps=("last",)),
        training=replace(
            RECIPE.training,
            training_configs=tuple(RECIPE.training.training_configs[k] for k in STUDENT_CONFIGS),
            iterations=200,
            lr=0.004,
        ),
    )

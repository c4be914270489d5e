"""Bring a point mass to rest at a goal after a few roll-outs, with a policy that knows nothing at first.

Run: ``ml3zoo train pointmass``. The loss sees observations, actions, the goal and the share of training done, and needs
no gradient of the dynamics. It is meta-trained on goals in one half of the plane and measured on goals in the other, by
evolution strategies over whole trainings. The recipe of every loss for reaching goals. Source: Bechtle et al. 2020.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ml3zoo.evaluate import Baseline, Evaluation, Metric, Setup, Unseen
from ml3zoo.format.config import InnerConfig, LossConfig
from ml3zoo.format.environment import AffineScale, EnvironmentConfig
from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.families.trajectory import SIGNALS
from ml3zoo.meta.estimators import EvolutionStrategies, Objective
from ml3zoo.meta.initialisation.base import Initialisation
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.control.point_mass import PointMass
from ml3zoo.tasks.optimizees import Activation
from ml3zoo.tasks.reaching import Environment, Reaching
from ml3zoo.training.mountain_car import CONDITIONS, FinalDistance, example

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS = 10
LR = 0.03
MIXTURE: tuple[tuple[tuple[int, ...], Activation, float], ...] = (
    ((64,), "tanh", 3.0),
    ((128,), "tanh", 1.0),
    ((100,), "ReLU", 1.0),
)
"""Hidden layers and activation of the policies that meta-training sees, and how often."""
UNSEEN: tuple[tuple[tuple[int, ...], Activation], ...] = (((48, 48, 48), "tanh"), ((100,), "SiLU"), ((64, 32), "GELU"))
MIDDLES: dict[InnerOptimizer, float] = {Adam(): 0.01, SGD(momentum=0.9): 0.03, SGD(): 0.3}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid."""


class MeanDistance(nn.Module):
    """Distance from the goal, a mean over an episode."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar, of places and goals [steps, 2]."""
        return ((input - target).square().sum(-1) + 1e-8).sqrt().mean()


def reaching_evaluation(config: LossConfig, environment: Environment, metric: Metric) -> Evaluation:
    """The protocol: policies, optimisers and numbers of steps never seen; every goal is new."""

    def setup(
        hidden: tuple[int, ...] = (64,),
        activation: Activation = "tanh",
        optimizer: InnerOptimizer | None = None,
        steps: int = STEPS,
        unseen: Unseen = "",
    ) -> Setup:
        own = Reaching(environment, hidden, activation)
        return Setup.of(
            str(own.policy),
            own,
            steps,
            MIDDLES,
            config.inner,
            optimizer=optimizer,
            baseline_tasks=replace(own, through=True),
            unseen=unseen,
        )

    return Evaluation(
        setups=(
            setup(),
            *(setup(hidden, activation, unseen="architecture") for hidden, activation in UNSEEN),
            *(setup(optimizer=other, unseen="optimizer") for other in MIDDLES if other != Adam()),
            *(setup(steps=steps, unseen="horizon") for steps in (1, 2, 5, 20)),
        ),
        baselines=(Baseline("final distance", FinalDistance), Baseline("mean distance", MeanDistance)),
        metric=metric,
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        schedules=("constant",),
        validation_tasks=50,
    )


def draw_pictures(loss: LearnedLoss, tasks: Reaching) -> dict[str, Figure]:
    """Where twenty policies lead while they learn, and what the loss looks like around some of them."""
    from ml3zoo.plots.policies import draw_policy_landscapes, states_in_training
    from ml3zoo.plots.trajectories import PlottedTrajectory, draw_in_plane

    assert loss.config.environment is not None
    tolerance = loss.config.environment.tolerance
    offsets = {step: tasks.environment.offset(states) for step, states in states_in_training(loss, tasks).items()}
    trajectories = {
        step: [PlottedTrajectory(way[:, 0], way[:, 1], bool(way[-1].norm() <= tolerance)) for way in ways]
        for step, ways in offsets.items()
    }
    return {
        "trajectories": draw_in_plane(trajectories, tolerance),
        "policies": draw_policy_landscapes(loss, tasks, FinalDistance(), "final distance"),
    }


def reaching_recipe(
    name: str,
    summary: str,
    use_for: str,
    imagined: Environment,
    environment_config: EnvironmentConfig,
    metric: Metric,
    *,
    environment: Environment,
    iterations: int,
    outer_lr: float,
    tasks: int = 16,
    sigma: float = 0.05,
    mirrored: bool = False,
    initialisation: Initialisation | None = None,
) -> Recipe:
    """The recipe of a loss for reaching goals.

    Args:
        name: of the loss.
        summary: for its card.
        use_for: the same in a few words, for tables.
        imagined: the environment in which it is meta-trained.
        environment_config: the environment in Gymnasium.
        metric: of the evaluation.
        environment: the true environment, in which it is measured.
        iterations: of meta-training.
        outer_lr: of meta-training.
        tasks: of each update.
        sigma: standard deviation of the perturbations of loss parameters.
        mirrored: whether the dynamics are symmetric under reflection at the origin.
        initialisation: before meta-training.
    """
    return Recipe(
        config=LossConfig(
            name=name,
            summary=summary,
            use_for=use_for,
            family="trajectory",
            problem_type="trajectory",
            signals=SIGNALS,
            architecture={
                "state": [each.builtins() for each in environment_config.observation_normaliser],
                "action": [AffineScale().builtins()] * 2,
                "goal": [environment_config.observation_normaliser[at].builtins() for at in environment_config.goal_at],
                "hidden": [32],
                "mirrored": mirrored,
            },
            inner=InnerConfig(optimizer="adam", lr=LR, steps=STEPS),
            environment=environment_config,
        ),
        training=MetaTraining(
            training_configs=tuple(
                TrainingConfig(Reaching(imagined, hidden, activation), InnerRun(Adam(), LR, STEPS), weight)
                for hidden, activation, weight in MIXTURE
            ),
            estimator=EvolutionStrategies(Objective(), pairs=16, sigma=sigma),
            iterations=iterations,
            tasks=tasks,
            lr=outer_lr,
            warmup=5,
            average=0.9,
            validate_every=25,
            validation_tasks=64,
            validation=Objective(),
            lr_jitter=0.2,
        ),
        evaluation=partial(reaching_evaluation, environment=environment, metric=metric),
        pictures=partial(draw_pictures, tasks=Reaching(environment)),
        initialisation=initialisation,
        example=example(environment_config, actions=2),
    )


RECIPE = reaching_recipe(
    name="pointmass",
    summary=(
        "Brings a point mass in the plane to rest at a goal: ten roll-outs train a fresh policy for it, one for each "
        "gradient step, without the gradient of the dynamics. Meta-trained on goals in one half of the plane, measured "
        "on goals in the other."
    ),
    use_for="a point mass to its goal in ten episodes",
    imagined=PointMass(),
    environment=PointMass(),
    environment_config=EnvironmentConfig(
        id="ml3zoo.tasks.control.environments:ml3zoo/PointMass-v0",
        episode_steps=PointMass().steps,
        observation_normaliser=PointMass.observation_normaliser,
        goal_at=(4, 5),
        offset_at=(6, 7),
        tolerance=0.05,
        one_start=True,
    ),
    metric=Metric(
        name="distance",
        description="Distance of the point mass from its goal at the end of an episode, in units of the farthest goal,",
        conditions=CONDITIONS,
    ),
    iterations=600,
    outer_lr=0.02,
    sigma=0.1,
    mirrored=True,
)

"""Swing a car out of a valley after a few roll-outs, with a policy that knows nothing at first.

Run: ``ml3zoo train mountain-car``. The loss sees states, actions, the goal and the share of training done, and needs
no gradient through the car's dynamics. For each state it has a target action and a weight, learned from ten gradient
steps of many fresh policies. That the car should first be driven to the left, away from the goal, is known only in
meta-training. Meta-trained by evolution strategies over whole trainings. Source: Bechtle et al. 2020.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor, nn

from ml3zoo.evaluate import Baseline, Evaluation, Metric, Setup, Unseen
from ml3zoo.format.config import InnerConfig, LossConfig
from ml3zoo.format.environment import EnvironmentConfig
from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.families.trajectory import SIGNALS
from ml3zoo.meta.estimators import EvolutionStrategies, Objective
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, InnerOptimizer
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.control.car import BOTTOM, Car
from ml3zoo.tasks.mountain_car import MountainCar
from ml3zoo.tasks.optimizees import Activation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ENVIRONMENT = "ml3zoo.tasks.control.environments:ml3zoo/MountainCar-v0"
CONDITIONS = (
    "Every gradient step takes one roll-out. Ordinary losses had the gradient through the true dynamics, the learned "
    "one had not."
)
STEPS = 10
LR = 0.05
MISSES = Objective(log=False)
MIXTURE: tuple[tuple[tuple[int, ...], Activation, float], ...] = (
    ((64,), "tanh", 2.0),
    ((32, 32), "ReLU", 2.0),
    ((200,), "tanh", 1.0),
    ((64, 32), "tanh", 1.0),
)
"""Hidden layers and activation of the policies that meta-training sees, and how often."""
UNSEEN: tuple[tuple[tuple[int, ...], Activation], ...] = (((48, 48, 48), "tanh"), ((100,), "SiLU"), ((32, 32), "GELU"))
MIDDLES: dict[InnerOptimizer, float] = {Adam(): 0.05, SGD(momentum=0.9): 0.1, SGD(): 0.5}
"""Every optimiser that losses are measured under, with the middle of its learning-rate grid."""


def missed(car: Car) -> Metric:
    """The share of policies that do not arrive."""
    return Metric(
        name="share missed",
        description=(
            f"Share of fresh policies that do not bring the car to its goal within the {car.steps} steps of an episode"
        ),
        conditions=CONDITIONS,
        cap=1.0,
    )


def example(environment: EnvironmentConfig, actions: int) -> str:
    """A policy, and roll-outs in Gymnasium, as a loss's config describes it."""
    seed, inputs = ", seed=0" if environment.one_start else "", len(environment.observation_normaliser)
    goal = f"torch.tensor({list(environment.goal)}).expand(len(states), -1)"
    if environment.goal_at:
        goal = f"states[:, {list(environment.goal_at)}]"
    return f"""\
import gymnasium
from ml3zoo import roll_out

vector_env = gymnasium.make_vec("{environment.id}", num_envs=1, max_episode_steps={environment.episode_steps})

class Policy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.network = torch.nn.Sequential(
            torch.nn.Linear({inputs}, 64), torch.nn.Tanh(), torch.nn.Linear(64, {actions})
        )

    def forward(self, state):
        return self.network(loss.config.environment.normalise(state))

model = Policy()

def play():
    states = roll_out(model, vector_env{seed}).visited_states
    return states, {goal}  # where it was, and where it should go"""


class FinalDistance(nn.Module):
    """Squared distance from the goal at the end of an episode."""

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar, of positions and goals [steps, 1]."""
        return (input[-1] - target[-1]).square().mean()


def mountain_car_evaluation(config: LossConfig, tasks: MountainCar) -> Evaluation:
    """The protocol: policies, optimisers, starts and numbers of steps never seen."""

    def setup(
        hidden: tuple[int, ...] = (64,),
        activation: Activation = "tanh",
        optimizer: InnerOptimizer | None = None,
        steps: int = STEPS,
        spread: float = 1.0,
        unseen: Unseen = "",
    ) -> Setup:
        starts = tasks.spread[0] * spread, tasks.spread[1] * spread
        own = replace(tasks, hidden=hidden, activation=activation, spread=starts)
        return Setup.of(
            str(own.policy),
            own,
            steps,
            MIDDLES,
            config.inner,
            data="starts farther away" if spread > 1 else "",
            optimizer=optimizer,
            baseline_tasks=replace(own, through=True),
            unseen=unseen,
        )

    return Evaluation(
        setups=(
            setup(),
            *(setup(hidden, activation, unseen="architecture") for hidden, activation in UNSEEN),
            setup(spread=2.0, unseen="data"),
            *(setup(optimizer=other, unseen="optimizer") for other in MIDDLES if other != Adam()),
            *(setup(steps=steps, unseen="horizon") for steps in (5, 20)),
        ),
        baselines=(
            Baseline("final distance", FinalDistance),
            Baseline("mean squared distance", nn.MSELoss),
            Baseline("mean distance", nn.L1Loss),
        ),
        metric=missed(tasks.car),
        grid=tuple(10 ** (k / 2 - 1.5) for k in range(7)),
        validation_tasks=50,
    )


def draw_pictures(loss: LearnedLoss, tasks: MountainCar) -> dict[str, Figure]:
    """Where twenty fresh policies drive while they learn, and what the loss looks like around some of them."""
    from ml3zoo.plots.policies import draw_policy_landscapes, states_in_training
    from ml3zoo.plots.trajectories import draw_trajectories

    trajectories = {step: states[..., 0] for step, states in states_in_training(loss, tasks).items()}
    return {
        "trajectories": draw_trajectories(trajectories, tasks.car.goal),
        "policies": draw_policy_landscapes(loss, tasks, FinalDistance(), "final distance"),
    }


def mountain_car_recipe(
    name: str, summary: str, use_for: str, tasks: MountainCar, env_id: str = ENVIRONMENT, iterations: int = 800
) -> Recipe:
    """The recipe of a loss for a car.

    Args:
        name: of the loss.
        summary: for its card.
        use_for: the same in a few words, for tables.
        tasks: the car and the objective of meta-training; policies are replaced.
        env_id: of the same car in Gymnasium.
        iterations: of meta-training.
    """
    environment = EnvironmentConfig(
        id=env_id,
        episode_steps=tasks.car.steps,
        observation_normaliser=tasks.car.observation_normaliser,
        goal=(tasks.car.goal,),
    )
    return Recipe(
        config=LossConfig(
            name=name,
            summary=summary,
            use_for=use_for,
            family="trajectory",
            problem_type="trajectory",
            signals=SIGNALS,
            architecture={
                "state": [{"shift": BOTTOM, "scale": 0.6}, {"scale": 3 * tasks.car.pace}],
                "action": [{"scale": 5.0}],
                "goal": [{"shift": tasks.car.goal, "scale": 0.5}],
                "hidden": [16],
            },
            inner=InnerConfig(optimizer="adam", lr=LR, steps=STEPS),
            environment=environment,
        ),
        training=MetaTraining(
            training_configs=tuple(
                TrainingConfig(
                    replace(tasks, hidden=hidden, activation=activation), InnerRun(Adam(), LR, STEPS), weight
                )
                for hidden, activation, weight in MIXTURE
            ),
            estimator=EvolutionStrategies(MISSES, pairs=24, sigma=0.1),
            iterations=iterations,
            tasks=16,
            lr=0.03,
            warmup=5,
            average=0.9,
            validate_every=25,
            validation_tasks=64,
            validation=MISSES,
            lr_jitter=0.3,
        ),
        evaluation=partial(mountain_car_evaluation, tasks=tasks),
        pictures=partial(draw_pictures, tasks=tasks),
        example=example(environment, actions=1),
    )


RECIPE = mountain_car_recipe(
    name="mountain-car",
    summary=(
        "Brings a fresh policy to swing a weak car out of a valley within ten roll-outs, one for each gradient step, "
        "without the gradient of the dynamics. Sees states, actions, the goal and the progress."
    ),
    use_for="a car out of a valley in ten episodes",
    tasks=MountainCar(),
)

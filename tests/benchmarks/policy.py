"""A learned policy objective for PPO beside its clipped surrogate and DPO, on environments of Gymnasium.

A recipe on probation, without a card: it does better than DPO and not yet than tuned PPO. Its weights are ``LEARNED``,
made by ``ml3zoo train ./tests/benchmarks/policy.py``, on two processes in 50 minutes. Three terms are added up for each
sampled step: the surrogate (ratio times advantage), a drift that holds the policy near the one that collected the data,
and the entropy. Their weights are learned. The logarithm of each is linear in how far the ratio has gone with or
against the advantage, the advantage, the divergence of the batch, the share of training done, and a few products.

Meta-trained by evolution strategies over whole lifetimes of agents in small worlds written in torch, whose physics
differ from agent to agent. At the start the surrogate's weight falls off with the ratio, much as PPO's clip does.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ml3zoo.evaluate import Baseline, Evaluation, Metric, Setup, evaluate
from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.format.files import make_folder
from ml3zoo.losses.families.symbolic import linear_expressions
from ml3zoo.losses.ordinary import ClippedSurrogate, DiscoveredPolicyOptimization
from ml3zoo.meta.agents import AgentRun
from ml3zoo.meta.estimators import EvolutionStrategies, Objective
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe import Recipe
from ml3zoo.tasks.policy_learning import PolicyLearning
from ml3zoo.tasks.worlds.arm import Arm
from ml3zoo.tasks.worlds.base import World
from ml3zoo.tasks.worlds.cart_pole import CartPole
from ml3zoo.tasks.worlds.gymnasium_reacher import ReacherWorld
from ml3zoo.tasks.worlds.mujoco import MujocoWorld
from ml3zoo.tasks.worlds.pendulum import Pendulum
from ml3zoo.tasks.worlds.pushed_mass import PushedMass

SIGNALS = (
    signal("ahead", "detach", shift=0.0, scale=1.0, limit=10.0),
    signal("behind", "detach", shift=0.0, scale=1.0, limit=10.0),
    signal("advantage", shift=0.0, scale=1.0, limit=3.0),
    signal("advantage", "abs", shift=0.8, scale=0.6, limit=3.0),
    signal("divergence", "log", shift=-4.6, scale=1.5, limit=3.0),
    signal("progress"),
)
AHEAD, BEHIND, ADVANTAGE, SIZE, DIVERGENCE, PROGRESS = range(len(SIGNALS))
TERMS = ("surrogate", "drift", "certainty")
PRODUCTS = ((AHEAD, AHEAD), (AHEAD, ADVANTAGE), (AHEAD, PROGRESS), (AHEAD, DIVERGENCE))
START = ({(AHEAD, AHEAD): -0.7}, {(): -5.0}, {(): -7.0})
"""Of each term the coefficients that are not zero."""
TOKENS, INIT = linear_expressions(len(SIGNALS), PRODUCTS, START)
LEARNED = (
    *(-0.13, -0.54, -0.42, 0.49, 0.02, 0.08, -0.20, -0.71, -0.79, -0.21, -0.26),
    *(-4.96, 0.09, 0.16, -0.07, 0.25, 0.03, 0.28, -0.47, -0.01, 0.15, 0.36),
    *(-7.25, -0.07, 0.18, 0.56, -0.12, 0.32, 0.25, -0.12, -0.14, 0.22, 0.22),
)
"""What the best of 120 updates had, seed 0: for each term a constant, the signals, the products."""
LIFETIMES: tuple[tuple[World, int, float], ...] = (
    (PushedMass(1), 16, 0.7),
    (PushedMass(2), 30, 1.0),
    (CartPole(), 14, 0.7),
    (Pendulum(), 40, 0.8),
    (Arm(2), 36, 1.0),
)
"""Worlds, updates of an agent's lifetime, and weights in the mixture."""
LACKING = Objective(log=True, offset=0.1, cap=2.0)
LACK = Metric(
    name="lack",
    description="What is lacking of a good return (0), beside random actions (1), over the last quarter of training",
    conditions="Returns are those of the episodes of training, actions sampled, and the environment's own.",
    cap=2.0,
)
MEASURED: tuple[tuple[str, World, int], ...] = (
    ("Reacher-v5", ReacherWorld(), 60),
    ("InvertedDoublePendulum-v5", MujocoWorld("InvertedDoublePendulum-v5", (50.0, 9300.0)), 30),
    ("Hopper-v5", MujocoWorld("Hopper-v5", (18.0, 3000.0)), 40),
    ("HalfCheetah-v5", MujocoWorld("HalfCheetah-v5", (-280.0, 3000.0)), 40),
)
"""Environments of Gymnasium, with the updates of 1,024 steps of a lifetime."""


class Sizes(NamedTuple):
    """How much is trained: all environments and lifetimes, or the first one for two updates; runs are kept or not."""

    small: bool
    folder: Path | None


FULL, SMALL = Sizes(False, Path("runs/policy")), Sizes(True, None)
BASELINES = (
    *(Baseline("PPO", partial(ClippedSurrogate, clip), f"clip {clip}") for clip in (0.2, 0.1, 0.3)),
    Baseline("DPO", DiscoveredPolicyOptimization),
)
EXAMPLE = """\
x = torch.randn(64, 3)
model = torch.nn.Linear(3, 1)  # the mean of a Gaussian policy


def play():  # one action in each of 64 states, best if it is the mean of the state
    policy = torch.distributions.Normal(model(x), 0.3)
    action = policy.sample()
    reward = -(action - x.mean(1, keepdim=True)).square()
    log_ratio = policy.log_prob(action) - policy.log_prob(action).detach()
    return {"input": log_ratio, "target": (reward - reward.mean()) / reward.std(), "feature": policy.entropy()}


y = x.mean(1, keepdim=True)"""


def run(sizes: Sizes) -> None:
    """Print what each loss lacks and the returns at the end, by environment."""
    loss = RECIPE.fresh_loss(0)
    loss.reset_parameters(LEARNED)
    protocol = _small(evaluation(RECIPE.config)) if sizes.small else evaluation(RECIPE.config)
    folder = sizes.folder and make_folder(sizes.folder)
    results = evaluate(
        loss.requires_grad_(False),
        protocol,
        cache=folder and folder / "evaluation.json",
        baseline_runs=folder and folder / "baselines",
    )
    for setup, measured in zip(protocol.setups, results.setups, strict=True):
        assert isinstance(setup.tasks, PolicyLearning)
        poor, good = setup.tasks.world.returns
        print(f"{setup.data}, {setup.steps:,} steps, {protocol.test_tasks} agents: lack, and return at the end")
        for method in measured.methods:
            if method.use != "recommended":
                lack = method.objective
                print(
                    f"  {method.use:10}  {method.name:8} {method.hyper:8}  lr {method.lr:.1e}  {lack.mean:.3f} "
                    f"[{lack.low:.3f}, {lack.high:.3f}]  {good - lack.mean * (good - poor):8.1f}"
                )
    for ranking in results.rankings:
        print(f"mean rank, {ranking.use}: " + ", ".join(f"{one.name} {one.rank.mean:.1f}" for one in ranking.methods))


def _small(protocol: Evaluation) -> Evaluation:
    first = protocol.setups[0]
    lifetime = AgentRun(first.lr, 2, horizon=64, epochs=1)
    setup = Setup.of_agents(first.data, PolicyLearning(ReacherWorld(), hidden=(8,)), lifetime)
    return replace(protocol, setups=(setup,), validation_tasks=1, test_tasks=1, observations=2)


def _training_configs() -> Iterator[TrainingConfig]:
    for world, updates, weight in LIFETIMES:
        family = PolicyLearning(world, hidden=(32, 32), scales=(0.3, 3.0), early=0.5)
        yield TrainingConfig(family, AgentRun(2e-3, updates, epochs=4, batch=128), weight)


def evaluation(config: LossConfig) -> Evaluation:
    """Four environments of Gymnasium that meta-training never saw, with larger networks and longer lifetimes."""
    setups = tuple(
        Setup.of_agents(name, PolicyLearning(world), AgentRun(config.inner.lr, updates, horizon=256))
        for name, world, updates in MEASURED
    )
    return Evaluation(
        setups=setups,
        baselines=BASELINES,
        metric=LACK,
        grid=(0.3, 1.0, 3.0),
        schedules=("constant",),
        validation_tasks=2,
        test_tasks=4,
        seeds=1,
        observations=10,
        cost_sizes=(64, 2048),
    )


RECIPE = Recipe(
    config=LossConfig(
        name="policy-objective",
        summary=(
            "For reinforcement learning by PPO: takes the place of the clipped surrogate, with nothing else changed. "
            "It sees how far each action's probability moved, its advantage, the divergence of the minibatch and the "
            "share of training done."
        ),
        family="symbolic",
        problem_type="policy-gradient",
        signals=SIGNALS,
        architecture={"weight_bound": 5.0, "terms": list(TERMS), "tokens": TOKENS},
        inner=InnerConfig(optimizer="adam", lr=5e-4, steps=1000),
    ),
    init=INIT,
    training=MetaTraining(
        training_configs=tuple(_training_configs()),
        estimator=EvolutionStrategies(LACKING, pairs=2, sigma=0.15, shared=False),
        iterations=120,
        tasks=16,
        lr=0.05,
        warmup=5,
        average=0.95,
        validate_every=20,
        validation_tasks=48,
        validation=LACKING,
        lr_jitter=0.7,
    ),
    evaluation=evaluation,
    example=EXAMPLE,
)

"""Setups of agents: every loss tuned and swapped in, figures from the returns of training."""

from __future__ import annotations

from functools import partial

from ml3zoo.evaluate import Baseline, Evaluation, Metric, Setup, evaluate
from ml3zoo.losses.ordinary import ClippedSurrogate, DiscoveredPolicyOptimization
from ml3zoo.meta.agents import AgentRun
from ml3zoo.tasks.policy_learning import PolicyLearning
from ml3zoo.tasks.worlds.cart_pole import CartPole
from ml3zoo.tasks.worlds.pushed_mass import PushedMass
from tests.families import example_loss

RUN = AgentRun(3e-3, 4, envs=4, horizon=40, epochs=1, batch=80)
EVALUATION = Evaluation(
    setups=tuple(
        Setup.of_agents(name, PolicyLearning(world, hidden=(8,)), RUN)
        for name, world in (("pushing", PushedMass(1)), ("balancing", CartPole()))
    ),
    baselines=(
        Baseline("PPO", partial(ClippedSurrogate, 0.2), "clip 0.2"),
        Baseline("PPO", partial(ClippedSurrogate, 0.1), "clip 0.1"),
        Baseline("DPO", DiscoveredPolicyOptimization),
    ),
    metric=Metric("lack", "What is lacking", "None.", cap=3.0),
    grid=(0.5, 2.0),
    schedules=("constant",),
    validation_tasks=2,
    test_tasks=3,
    seeds=1,
    observations=4,
    cost_sizes=(64,),
)


def test_losses_are_tuned_and_swapped_in():
    results = evaluate(example_loss("symbolic-policy_gradient"), EVALUATION)
    swapped_in, tuned = results.rankings
    assert {method.name for method in tuned.methods} == {"PPO", "DPO", "learned"}
    assert swapped_in.reference == "PPO"
    for setup in results.setups:
        assert setup.setup.steps == 4 * 160
        assert setup.observed == (0, 160, 320, 480, 640)
        ppo, learned = setup.methods[0], setup.learned("swapped in")
        assert ppo.lr == learned.lr, "nothing but the loss is changed"
        curve = setup.learned("tuned").curve
        assert len(curve.mean) == 5
        assert all(0 < value < 3 for value in curve.mean[2:])

"""Agents learn, each by itself, and all chance is that of their tasks."""

from __future__ import annotations

import math

import pytest
import torch

from ml3zoo.errors import InputError
from ml3zoo.losses.ordinary import ClippedSurrogate, EarlyLearningRegularization
from ml3zoo.meta.agents import AgentRun
from ml3zoo.meta.estimators import EvolutionStrategies, MetaProblem, Objective, PersistentEvolution, Unrolled
from ml3zoo.meta.inner import expand
from ml3zoo.tasks.policy_learning import LOG_STD, RETURNS, PolicyLearning
from ml3zoo.tasks.worlds.cart_pole import CartPole
from ml3zoo.tasks.worlds.pushed_mass import PushedMass
from tests.families import example_loss

FAMILY = PolicyLearning(PushedMass(1), hidden=(16,))
RUN = AgentRun(5e-3, 3, envs=4, horizon=40, epochs=2, batch=40)


def learned(run=RUN, n=3, loss=None, family=FAMILY, which=slice(None)):
    tasks = run.sample(family, torch.Generator().manual_seed(0), n, "train").pick(which)
    loss = loss or ClippedSurrogate()
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    return run(run.step(loss, family), expand(phi, len(tasks.data["seed"])), tasks)


def test_an_agent_learns_as_it_would_alone():
    together, alone = learned(), learned(which=slice(1, 2))
    for name, p in together.items():
        torch.testing.assert_close(p[1:2], alone[name], rtol=1e-4, atol=1e-5, equal_nan=True)
    assert together[RETURNS].shape == (3, 3)


def test_chance_is_that_of_the_task_whatever_the_loss():
    run = AgentRun(5e-3, 3, envs=1, horizon=80, epochs=2, batch=40)
    one, other = learned(run), learned(run, loss=ClippedSurrogate(0.01))
    torch.testing.assert_close(one[RETURNS][:, 0], other[RETURNS][:, 0])
    assert not torch.equal(one[RETURNS][:, 2], other[RETURNS][:, 2])


@pytest.mark.parametrize("normalise", [True, False])
def test_agents_get_better_at_pushing(normalise):
    run = AgentRun(5e-3, 14, envs=4, horizon=64, epochs=6, batch=64, normalise=normalise)
    returns = learned(run, n=6)[RETURNS].nanmean(0)
    assert returns[-3:].mean() > returns[:2].mean() + 5


def test_agents_keep_a_pole_up():
    run = AgentRun(5e-3, 10, envs=4, horizon=64, epochs=6, batch=64)
    returns = learned(run, n=4, family=PolicyLearning(CartPole(), hidden=(16,)))[RETURNS].nanmean(0)
    assert returns[-2:].mean() > 2 * returns[:2].mean()


def test_the_pole_falls_and_begins_anew():
    tasks = RUN.sample(PolicyLearning(CartPole(), hidden=(16,)), torch.Generator().manual_seed(0), 2, "train")
    assert tasks.initial[LOG_STD].shape == (2, 1)
    found = learned(family=PolicyLearning(CartPole(), hidden=(16,)))
    assert (found[RETURNS] < 100).all()


def test_a_learned_loss_trains_agents_and_evolution_finds_a_gradient():
    loss = example_loss("symbolic-policy_gradient")
    assert learned(loss=loss)[RETURNS].shape == (3, 3)
    problem = MetaProblem(RUN.step(loss, FAMILY), RUN, FAMILY, 2)
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    estimator = EvolutionStrategies(Objective(log=False, cap=3.0), pairs=1, sigma=0.3, shared=False)
    estimate = estimator(problem, phi, {}, torch.Generator().manual_seed(0))
    assert math.isfinite(estimate.objective)
    assert sum(float(g.norm()) for g in estimate.gradient.values()) > 0


def test_what_is_lacking():
    poor, good = FAMILY.world.returns
    returns = torch.tensor([poor, poor, good, math.nan])
    assert FAMILY.objective({RETURNS: returns[:3]}, {}).item() == pytest.approx(0)
    assert FAMILY.objective({RETURNS: returns[:1]}, {}).item() == pytest.approx(1)
    both = PolicyLearning(FAMILY.world, early=0.5)
    assert both.objective({RETURNS: returns[:3]}, {}).item() == pytest.approx(0.5 * 2 / 3)


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="4 copies x 40 steps cannot be cut into minibatches of 60"):
        AgentRun(1e-3, 2, envs=4, horizon=40, batch=60)
    with pytest.raises(InputError, match="agents meet no step twice"):
        learned(loss=EarlyLearningRegularization(0, 0))
    problem = MetaProblem(RUN.step(ClippedSurrogate(), FAMILY), RUN, FAMILY, 2)
    for estimator in (Unrolled(), PersistentEvolution(window=1)):
        with pytest.raises(InputError, match="agents learn in one go"):
            estimator(problem, {}, {}, torch.Generator())

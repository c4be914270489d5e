"""Policies trained by gradient steps, a roll-out each, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.policies import Policies
from ml3zoo.apply.environment.recorder import Snapshot
from ml3zoo.apply.figures import Array
from ml3zoo.errors import InputError
from ml3zoo.losses import LearnedLoss
from ml3zoo.tasks.control.rollouts import Rollouts

Observer = Callable[[int, Snapshot], None]
"""Told the number of gradient steps env_steps, and what is then."""


class Trained(NamedTuple):
    """Policies, and how many environment steps each of them took to come about, [policies]."""

    policies: Policies
    env_steps: Tensor


@dataclass(frozen=True)
class PolicyOutcome:
    """What became of a method's policies, in one more episode, without noise.

    Attributes:
        label: of the method.
        snapshot: the policies and that episode.
        env_steps: environment steps that each took to come about, [policies].
        returns: sum of its rewards, [policies].
        successes: 1 where it ended at the goal, else 0, [policies].
        distances: from the goal at its end, [policies]; None if the loss's world does not tell.
    """

    label: str
    snapshot: Snapshot
    env_steps: Array
    returns: Array
    successes: Array
    distances: Array | None

    @property
    def foremost(self) -> int:
        """Number of the best policy: the nearest to its goal, or the one with the highest return if none is told."""
        return int(self.returns.argmax() if self.distances is None else self.distances.argmin())

    @property
    def best(self) -> Policies:
        """That policy alone."""
        return self.snapshot.policies.only(self.foremost)

    @classmethod
    def of(cls, label: str, trained: Trained, evaluator: Evaluator, steps: int) -> PolicyOutcome:
        """Judge what came about in ``steps`` episodes, or one more."""
        snapshot = judge(trained.policies, evaluator, steps)
        distances = evaluator.distances(snapshot.rolled)
        return cls(
            label,
            snapshot,
            trained.env_steps.double().numpy(),
            snapshot.rolled.returns.numpy(),
            evaluator.successes(snapshot.rolled).double().numpy(),
            None if distances is None else distances.numpy(),
        )


def judge(policies: Policies, evaluator: Evaluator, steps: int) -> Snapshot:
    """Policies that came about in ``steps`` episodes, or one more, in the episode after these."""
    return Snapshot(policies, steps + 1, evaluator.roll_out(policies, steps + 1))


def train_under(loss: LearnedLoss, evaluator: Evaluator, steps: int, observe: Observer) -> Trained:
    """Fresh policies under a learned loss, by its own optimiser at its recommended learning rate.

    Args:
        loss: with ``reduction="none"``.
        evaluator: where.
        steps: gradient steps, a roll-out each.
        observe: told of each roll-out before its gradient step.
    """
    policies = evaluator.fresh().learning()

    def value(rolled: Rollouts, step: int) -> Tensor:
        states = rolled.states
        worth: Tensor = loss(policies(states), evaluator.goals(states), feature=states, progress=step / steps)
        return worth

    return descend(policies, policies, loss.make_optimizer(policies.parameters()), value, evaluator, steps, observe)


def descend(
    policies: Policies,
    act: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    value: Callable[[Rollouts, int], Tensor],
    evaluator: Evaluator,
    steps: int,
    observe: Observer = lambda step, snapshot: None,
) -> Trained:
    """One gradient step after each roll-out, of every policy for itself.

    Args:
        policies: that are learning.
        act: what they do while they learn.
        optimizer: of their weights, treating each number for itself.
        value: of each time step, [steps, policies], after so many gradient steps; a policy goes down its mean.
        evaluator: where.
        steps: gradient steps.
        observe: told of each roll-out before its gradient step.

    Raises:
        InputError: a policy's weights are not finite any more.
    """
    env_steps = torch.zeros(evaluator.vector_env.num_envs, dtype=torch.long)
    for step in range(steps):
        rolled = evaluator.roll_out(act, step)
        observe(step, Snapshot(policies, step, rolled))
        lived = rolled.alive.sum(0)
        optimizer.zero_grad()
        means = torch.where(rolled.alive, value(rolled, step), 0.0).sum(0) / lived
        means.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        env_steps += lived
        if not all(p.isfinite().all() for p in policies.parameters()):
            raise InputError(
                f"a policy's weights are not finite after {step + 1} gradient steps: training diverged. Take fewer "
                "steps, or a loss made for this environment."
            )
    return Trained(policies.copied(), env_steps)

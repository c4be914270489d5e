"""Policies trained by gradient steps, one roll-out each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.policies import Policies
from ml3zoo.apply.environment.recorder import Snapshot
from ml3zoo.errors import InputError
from ml3zoo.losses import LearnedLoss
from ml3zoo.tasks.control.rollouts import Rollouts

Observer = Callable[[int, Snapshot], None]
"""Called before each gradient step with the number of steps so far and a snapshot."""


class TrainedPolicies(NamedTuple):
    """Policies, and the environment steps that each of them cost, [policies]."""

    policies: Policies
    env_steps: Tensor


def train_under(loss: LearnedLoss, evaluator: Evaluator, steps: int, observe: Observer) -> TrainedPolicies:
    """Train fresh policies under a learned loss, with its own optimiser and recommended learning rate.

    Args:
        loss: with ``reduction="none"``.
        evaluator: the environments.
        steps: gradient steps, a roll-out each.
        observe: called with each roll-out before its gradient step.
    """
    policies = evaluator.fresh_policies().trainable()

    def objective(rollouts: Rollouts, step: int) -> Tensor:
        states = rollouts.states
        value: Tensor = loss(policies(states), evaluator.config.goals(states), feature=states, progress=step / steps)
        return value

    optimizer = loss.make_optimizer(policies.parameters())
    return train(policies, policies, optimizer, objective, evaluator, steps, observe)


def train(
    policies: Policies,
    act: Callable[[Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    objective: Callable[[Rollouts, int], Tensor],
    evaluator: Evaluator,
    steps: int,
    observe: Observer = lambda step, snapshot: None,
) -> TrainedPolicies:
    """One gradient step after each roll-out, of every policy on its own episode.

    Args:
        policies: trainable.
        act: from states to the actions taken during training.
        optimizer: of the policies' weights; elementwise, so that policies do not affect each other.
        objective: from a roll-out and the number of gradient steps so far to a value of each time step,
            [steps, policies]; each policy descends the mean over its episode.
        evaluator: the environments.
        steps: gradient steps.
        observe: called with each roll-out before its gradient step.

    Raises:
        InputError: a policy's weights are no longer finite.
    """
    env_steps = torch.zeros(evaluator.vector_env.num_envs, dtype=torch.long)
    for step in range(steps):
        rollouts = evaluator.roll_out(act, step)
        observe(step, Snapshot(policies, step, rollouts))
        length = rollouts.alive.sum(0)
        optimizer.zero_grad()
        means = torch.where(rollouts.alive, objective(rollouts, step), 0.0).sum(0) / length
        means.sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        env_steps += length
        if not all(p.isfinite().all() for p in policies.parameters()):
            raise InputError(
                f"a policy's weights are not finite after {step + 1} gradient steps: training diverged. Take fewer "
                "steps, or a loss made for this environment."
            )
    return TrainedPolicies(policies.copy(), env_steps)

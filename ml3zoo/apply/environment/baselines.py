"""What a learned loss is compared with, at the same cost in episodes: a policy gradient and a random search."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from ml3zoo.apply.environment.evaluation import evaluate
from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.training import TrainedPolicies, train
from ml3zoo.evaluate.tuning import select
from ml3zoo.tasks.control.rollouts import Rollouts

_NOISE = 2
"""What seeds are for, beside weights and starts; see ``Evaluator.seed``."""
_ROUNDING = 1e-6
"""A smaller share of the reward is rounding error."""


@dataclass(frozen=True)
class PolicyGradient:
    """REINFORCE: makes actions likelier that more reward followed than usual. Source: Williams 1992.

    A Gaussian around a policy's action explores. Each action is weighted by its advantage.

    Attributes:
        lr: of Adam.
        noise: standard deviation of the Gaussian, in halves of the range of actions.
    """

    lr: float
    noise: float

    def train(self, evaluator: Evaluator, steps: int) -> TrainedPolicies:
        """Fresh policies after so many gradient steps, a roll-out each."""
        policies = evaluator.fresh_policies().trainable()
        std = self.noise * evaluator.action_scale
        generator = torch.Generator().manual_seed(evaluator.seed(_NOISE))

        def explore(states: Tensor) -> Tensor:
            actions = policies(states)
            return actions + std * torch.randn(actions.shape, generator=generator)

        def objective(rollouts: Rollouts, _: int) -> Tensor:
            negative_log_likelihood = ((rollouts.actions - policies(rollouts.states)) / std).square().sum(-1) / 2
            return advantages(rollouts) * negative_log_likelihood

        optimizer = torch.optim.Adam(policies.parameters(), lr=self.lr)
        return train(policies, explore, optimizer, objective, evaluator, steps)


GRID = tuple(PolicyGradient(lr, noise) for lr, noise in product((0.001, 0.005, 0.025, 0.1), (0.1, 0.3, 1.0)))


def tuned(evaluator: Evaluator, steps: int, grid: Iterable[PolicyGradient] = GRID) -> PolicyGradient:
    """The policy gradient whose policies have the highest mean return after training."""

    def negative_return(candidate: PolicyGradient) -> float:
        policies = candidate.train(evaluator, steps).policies
        return -evaluate(policies, evaluator, steps).rollouts.returns.mean().item()

    return select(grid, negative_return).candidate


def advantages(rollouts: Rollouts) -> Tensor:
    """How much more reward than usual followed each action, [steps, policies]; mean 0 and deviation 1 in an episode.

    Usual is a straight line fitted to the episode: the later, the less reward is still to come.
    """
    length = rollouts.alive.sum(0)

    def centred(values: Tensor) -> Tensor:
        return torch.where(rollouts.alive, values - torch.where(rollouts.alive, values, 0).sum(0) / length, 0)

    time = centred(torch.arange(len(rollouts.alive), dtype=torch.float64)[:, None])
    to_come = centred(rollouts.rewards.double().flip(0).cumsum(0).flip(0))
    time_square = time.square().sum(0)
    excess = to_come - time * (time * to_come).sum(0) / torch.where(time_square > 0, time_square, 1)
    size, std = ((values.square().sum(0) / length).sqrt() for values in (to_come, excess))
    return torch.where(std > _ROUNDING * size, excess / std, 0).float()


def random_search(evaluator: Evaluator, steps: int) -> TrainedPolicies:
    """In every environment the best of ``steps + 1`` fresh policies, by the return of an episode each."""
    count = evaluator.vector_env.num_envs
    best, highest = evaluator.fresh_policies(), torch.full((count,), -torch.inf, dtype=torch.float64)
    env_steps = torch.zeros(count, dtype=torch.long)
    for draw in range(steps + 1):
        fresh = evaluator.fresh_policies(draw)
        rollouts = evaluator.roll_out(fresh, draw)
        best = fresh.where(rollouts.returns > highest, best)
        highest = highest.maximum(rollouts.returns)
        env_steps += rollouts.alive.sum(0)
    return TrainedPolicies(best, env_steps)

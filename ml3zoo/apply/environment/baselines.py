"""What a learned loss is compared with, by as many episodes: a policy gradient and a random search."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.training import Trained, descend, judge
from ml3zoo.evaluate.tuning import select
from ml3zoo.tasks.control.rollouts import Rollouts

_NOISE = 2
"""What chance is drawn for, beside weights and starts."""
_ROUNDING = 1e-6
"""A smaller share of the reward is rounding error."""


@dataclass(frozen=True)
class PolicyGradient:
    """REINFORCE: actions that were followed by more reward than others become likelier. Source: Williams 1992.

    A Gaussian around a policy's action explores; each action is weighed by the rewards from then on, less what is usual
    at that time of the episode, over their standard deviation.

    Attributes:
        lr: of Adam.
        noise: standard deviation of the Gaussian, in halves of the range of actions.
    """

    lr: float
    noise: float

    def train(self, evaluator: Evaluator, steps: int) -> Trained:
        """Fresh policies after so many gradient steps, a roll-out each."""
        policies = evaluator.fresh().learning()
        deviation = self.noise * evaluator.reach
        chance = torch.Generator().manual_seed(evaluator.seed(_NOISE))

        def explore(states: Tensor) -> Tensor:
            actions = policies(states)
            return actions + deviation * torch.randn(actions.shape, generator=chance)

        def value(rolled: Rollouts, _: int) -> Tensor:
            unlikely = ((rolled.actions - policies(rolled.states)) / deviation).square().sum(-1) / 2
            return advantages(rolled) * unlikely

        optimizer = torch.optim.Adam(policies.parameters(), lr=self.lr)
        return descend(policies, explore, optimizer, value, evaluator, steps)


GRID = tuple(PolicyGradient(lr, noise) for lr, noise in product((0.001, 0.005, 0.025, 0.1), (0.1, 0.3, 1.0)))


def tuned(evaluator: Evaluator, steps: int, grid: Iterable[PolicyGradient] = GRID) -> PolicyGradient:
    """The policy gradient whose policies have the highest mean return after training."""

    def negative_return(one: PolicyGradient) -> float:
        return -judge(one.train(evaluator, steps).policies, evaluator, steps).rolled.returns.mean().item()

    return select(grid, negative_return).candidate


def advantages(rolled: Rollouts) -> Tensor:
    """How much more reward than usual followed each action, [steps, vector_env]: of mean 0 and spread 1 in an episode.

    Usual is the straight line through the episode: the later, the less reward is still to come.
    """
    lived = rolled.alive.sum(0)

    def centred(values: Tensor) -> Tensor:
        return torch.where(rolled.alive, values - torch.where(rolled.alive, values, 0).sum(0) / lived, 0)

    time = centred(torch.arange(len(rolled.alive), dtype=torch.float64)[:, None])
    ahead = centred(rolled.rewards.double().flip(0).cumsum(0).flip(0))
    length = time.square().sum(0)
    excess = ahead - time * (time * ahead).sum(0) / torch.where(length > 0, length, 1)
    size, spread = ((values.square().sum(0) / lived).sqrt() for values in (ahead, excess))
    return torch.where(spread > _ROUNDING * size, excess / spread, 0).float()


def random_search(evaluator: Evaluator, steps: int) -> Trained:
    """Of ``steps + 1`` fresh policies, an episode each, the one with the highest return, in every world."""
    best, highest = evaluator.fresh(), torch.full((evaluator.vector_env.num_envs,), -torch.inf, dtype=torch.float64)
    env_steps = torch.zeros(evaluator.vector_env.num_envs, dtype=torch.long)
    for draw in range(steps + 1):
        fresh = evaluator.fresh(draw)
        rolled = evaluator.roll_out(fresh, draw)
        best = fresh.where(rolled.returns > highest, best)
        highest = highest.maximum(rolled.returns)
        env_steps += rolled.alive.sum(0)
    return Trained(best, env_steps)

"""How agents of two methods compare: returns in the course of training, and steps until PPO's returns are reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml3zoo.apply.agents.settings import LAST
from ml3zoo.apply.agents.training import Agent
from ml3zoo.apply.figures import Array
from ml3zoo.evaluate.statistics import Estimate, Indices, bootstrap_statistic, interquartile_mean

SHARES = (0.5, 0.8, 0.95)
"""Of PPO's way from its first to its last return."""
_POINTS = 46


@dataclass(frozen=True)
class Returns:
    """Returns of a method's agents in the course of training.

    Attributes:
        curves: mean return of the episodes that ended in the tenth of training before each point, [points, agents].
    """

    curves: Array

    @classmethod
    def of(cls, agents: Sequence[Agent], steps: int) -> Returns:
        """Of agents that trained for so many environment steps."""
        return cls(np.stack([_curve(agent, points(steps), math.ceil(steps / LAST)) for agent in agents], 1))

    @property
    def final(self) -> Array:
        """In the last tenth of training, [agents]."""
        last: Array = self.curves[-1]
        return last

    @property
    def band(self) -> list[Estimate]:
        """Interquartile mean over agents at each point."""
        return [_interquartile(curve) for curve in self.curves]


def points(steps: int) -> Array:
    """Environment steps of the points of a curve, the first after a tenth of training, [points]."""
    return np.linspace(steps / LAST, steps, _POINTS).round()


@dataclass(frozen=True)
class AgentComparison:
    """Agents under a learned objective beside PPO's, paired over seeds.

    Attributes:
        steps: of the environment, for each agent.
        ppo: returns of PPO's agents.
        learned: returns under the learned objective.
    """

    steps: int
    ppo: Returns
    learned: Returns

    def final(self, returns: Returns) -> Estimate:
        """A method's return in the last tenth of training, interquartile mean over agents."""
        return _interquartile(returns.final)

    @property
    def difference(self) -> Estimate:
        """Learned objective minus PPO of that return; the resampled agents are those of the same seeds."""

        def gap(rows: Indices) -> Array:
            return interquartile_mean(self.learned.final[rows]) - interquartile_mean(self.ppo.final[rows])

        return bootstrap_statistic(gap, len(self.ppo.final))

    def steps_to(self, share: float, returns: Returns) -> Estimate:
        """Environment steps until a method has come that share of PPO's way; infinite if it never does."""
        grid = np.append(points(self.steps), np.inf)

        def reached(rows: Indices) -> Array:
            start, end = (interquartile_mean(curve[rows]) for curve in (self.ppo.curves[0], self.ppo.final))
            level = np.where(end > start, start + share * (end - start), np.inf)
            above = interquartile_mean(returns.curves[:, rows]) >= level
            first: Array = grid[np.vstack([above, np.ones_like(level, dtype=bool)]).argmax(0)]
            return first

        return bootstrap_statistic(reached, len(self.ppo.final))


def _interquartile(values: Array) -> Estimate:
    return bootstrap_statistic(lambda rows: interquartile_mean(values[rows]), len(values))


def _curve(agent: Agent, grid: Array, window: int) -> Array:
    """Mean return of the episodes that ended in the ``window`` steps up to each point; one at least did."""
    total = np.concatenate([[0.0], agent.returns.cumsum()])
    last, first = (np.searchsorted(agent.ends, edge, side="right") for edge in (grid, grid - window))
    means: Array = (total[last] - total[first]) / (last - first)
    return means

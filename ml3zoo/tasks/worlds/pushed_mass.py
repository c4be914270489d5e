"""A mass is pushed to a goal."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.worlds.base import Outcome, between

_STEP = 0.1


@dataclass(frozen=True)
class PushedMass:
    """Reward: minus the distance from the goal, minus a little for large forces.

    Attributes:
        dimensions: of its space.
        limit: steps of an episode.
    """

    dimensions: int = 2
    limit: int = 40

    @property
    def observations(self) -> int:
        """Position, velocity and the way to the goal."""
        return 3 * self.dimensions

    @property
    def actions(self) -> int:
        """A force."""
        return self.dimensions

    @property
    def draws(self) -> int:
        """Position and goal."""
        return 2 * self.dimensions

    @property
    def returns(self) -> tuple[float, float]:
        """Measured: random actions, and the best agents."""
        return {1: (-31.0, -4.0), 2: (-52.0, -9.0), 3: (-70.0, -15.0)}[self.dimensions]

    def constants(self, generator: torch.Generator, n: int) -> Tensors:
        """Mass, friction and what force costs."""
        return {
            "mass": between(generator, n, 0.3, 1.2),
            "friction": between(generator, n, 0.1, 1.0),
            "cost": between(generator, n, 0.003, 0.1),
        }

    def start(self, constants: Tensors, draw: Tensor) -> Tensor:
        """At rest."""
        position, goal = (2 * draw - 1).chunk(2, -1)
        return torch.cat([position, torch.zeros_like(position), goal], -1)

    def observe(self, constants: Tensors, state: Tensor) -> Tensor:
        """Position, velocity and the way to the goal."""
        position, velocity, goal = state.chunk(3, -1)
        return torch.cat([position, velocity, goal - position], -1)

    def step(self, constants: Tensors, state: Tensor, action: Tensor) -> Outcome:
        """Semi-implicit Euler."""
        mass, friction, cost = (constants[name][..., None] for name in ("mass", "friction", "cost"))
        position, velocity, goal = state.chunk(3, -1)
        force = action.clamp(-1, 1)
        velocity = velocity + _STEP * (force - friction * velocity) / mass
        position = (position + _STEP * velocity).clamp(-3, 3)
        reward = -(position - goal).norm(dim=-1) - (cost * force.square()).sum(-1)
        return Outcome(torch.cat([position, velocity, goal], -1), reward, torch.zeros_like(reward, dtype=torch.bool))

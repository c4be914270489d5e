"""A point mass in the plane that should come to rest at a goal. Pure functions of tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ml3zoo.format.environment import AffineScale, AffineScales
from ml3zoo.tasks.base import Split


@dataclass(frozen=True)
class PointMass:
    """How a point mass moves. A state is position, velocity and goal, [..., 6]; an action in [-1, 1]² pushes it.

    Training goals lie in one half of the disc of reachable ones, test goals in the other.

    Attributes:
        power: acceleration at full push.
        friction: deceleration at velocity 1.
        dt: time of a step.
        steps: of an episode.
        reach: the largest distance of a goal from the origin.
        spread: the largest distance of a start from the origin, along each axis.
    """

    power: float = 3.0
    friction: float = 0.2
    dt: float = 0.1
    steps: int = 25
    reach: float = 1.0
    spread: float = 0.05

    observation_normaliser: ClassVar[AffineScales] = tuple(
        AffineScale(scale=scale) for scale in (0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5)
    )
    """Brings an observation to about -1 to 1."""

    @property
    def farthest(self) -> float:
        """A bound of every number of an observation: at full push the mass stays nearer to the goal than this."""
        time = self.dt * (self.steps + 1)
        return self.spread + self.reach + max(self.power * time, self.power * time**2 / 2)

    def draw(self, generator: torch.Generator, n: int, split: Split) -> Tensor:
        """Starts at rest with a goal each, [n, 6]."""
        radius = self.reach * torch.rand(n, generator=generator).sqrt()
        angle = math.pi * (torch.rand(n, generator=generator) + (0.5 if split != "test" else -0.5))
        goal = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)
        position = self.spread * (2 * torch.rand(n, 2, generator=generator) - 1)
        return torch.cat([position, torch.zeros(n, 2), goal], -1)

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state.

        Args:
            state: [..., 6].
            action: [..., 2]; beyond [-1, 1] it counts as the nearer end.

        Returns:
            [..., 6].
        """
        position, velocity, goal = torch.split(state, 2, -1)
        velocity = velocity + self.dt * (self.power * action.clamp(-1, 1) - self.friction * velocity)
        return torch.cat([position + self.dt * velocity, velocity, goal], -1)

    def goal(self, state: Tensor) -> Tensor:
        """The goal, [..., 2]."""
        return state[..., 4:]

    def offset(self, state: Tensor) -> Tensor:
        """The way from the goal, [..., 2]."""
        return state[..., :2] - self.goal(state)

    def observe(self, state: Tensor) -> Tensor:
        """What a policy observes, [..., 8]: position, velocity, goal, the way from the goal."""
        return torch.cat([state, self.offset(state)], -1)

    def learned(self) -> dict[str, Tensor]:
        """Nothing: the dynamics are known."""
        return {}

    def move(self, device: torch.device) -> None:
        """Nothing to move."""

"""A planar arm reaches for a goal: joints are pushed directly, each with an inertia and a damping."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.worlds.base import Outcome, between

_STEP = 0.1


@dataclass(frozen=True)
class Arm:
    """Links of equal length, 1 together. Reward: minus the distance of the tip from the goal, minus squared torques.

    Attributes:
        links: their number.
        limit: steps of an episode.
    """

    links: int = 3
    limit: int = 50
    returns: tuple[float, float] = (-45.0, -15.0)

    @property
    def observations(self) -> int:
        """Cosines, sines and speeds of the joints, the goal, and the way to it."""
        return 3 * self.links + 4

    @property
    def actions(self) -> int:
        """A torque for each joint."""
        return self.links

    @property
    def draws(self) -> int:
        """Angles, and the goal's radius and angle."""
        return self.links + 2

    def constants(self, generator: torch.Generator, n: int) -> Tensors:
        """Inertia, damping and what torque costs."""
        return {
            "inertia": between(generator, n, 0.3, 1.0),
            "damping": between(generator, n, 0.3, 1.5),
            "cost": between(generator, n, 0.01, 0.1),
        }

    def start(self, constants: Tensors, draw: Tensor) -> Tensor:
        """At rest; the goal within reach."""
        angle = math.pi * (2 * draw[..., : self.links] - 1)
        radius, direction = 0.95 * draw[..., -2].sqrt(), 2 * math.pi * draw[..., -1]
        goal = torch.stack([radius * direction.cos(), radius * direction.sin()], -1)
        return torch.cat([angle, torch.zeros_like(angle), goal], -1)

    def observe(self, constants: Tensors, state: Tensor) -> Tensor:
        """Cosines, sines and speeds of the joints, the goal, and the way to it."""
        angle, speed, goal = torch.split(state, [self.links, self.links, 2], -1)
        return torch.cat([angle.cos(), angle.sin(), speed, goal, goal - self._tip(angle)], -1)

    def step(self, constants: Tensors, state: Tensor, action: Tensor) -> Outcome:
        """Semi-implicit Euler."""
        inertia, damping, cost = (constants[name][..., None] for name in ("inertia", "damping", "cost"))
        angle, speed, goal = torch.split(state, [self.links, self.links, 2], -1)
        torque = action.clamp(-1, 1)
        speed = speed + _STEP * (3 * torque - damping * speed) / inertia
        angle = angle + _STEP * speed
        reward = -(self._tip(angle) - goal).norm(dim=-1) - (cost * torque.square()).sum(-1)
        return Outcome(torch.cat([angle, speed, goal], -1), reward, torch.zeros_like(reward, dtype=torch.bool))

    def _tip(self, angle: Tensor) -> Tensor:
        direction = angle.cumsum(-1)
        return torch.stack([direction.cos().sum(-1), direction.sin().sum(-1)], -1) / self.links

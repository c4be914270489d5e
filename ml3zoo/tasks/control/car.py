"""A car in a valley, too weak to climb straight out of it; pure functions of tensors.

Sources: Moore 1990 for the problem; Bechtle et al. 2020 for ``VALLEY``; Gymnasium for ``CONTINUOUS``, the dynamics of
its ``MountainCarContinuous-v0``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.format.environment import AffineScale, AffineScales

BOTTOM = -math.pi / 6
"""Position of the bottom of the valley."""


@dataclass(frozen=True)
class Car:
    """How a car moves. At position x the height is sin(3x), the bottom is at -π/6; an action in [-1, 1] is the engine.

    Attributes:
        engine: acceleration at full power.
        gravity: acceleration at the steepest slope.
        friction: deceleration at velocity 1.
        dt: time of a step.
        fastest: largest speed.
        leftmost, rightmost: ends of the road; the car stops at the left one.
        goal: position to reach.
        steps: largest number in an episode.
        pace: a typical velocity, the scale in which a policy sees it.
        swing: number of steps in which the car should first go left, and its position then; a planner's solution.
    """

    engine: float
    gravity: float
    friction: float
    dt: float
    fastest: float
    leftmost: float
    rightmost: float
    goal: float
    steps: int
    pace: float
    swing: tuple[int, float]

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state.

        Args:
            state: position and velocity, [..., 2].
            action: [..., 1]; beyond [-1, 1] it counts as the nearer end.

        Returns:
            [..., 2].
        """
        position, velocity = state.unbind(-1)
        force = self.engine * action[..., 0].clamp(-1, 1) - self.gravity * torch.cos(3 * position)
        velocity = velocity + self.dt * (force - self.friction * velocity)
        velocity = velocity.clamp(-self.fastest, self.fastest)
        position = (position + self.dt * velocity).clamp(self.leftmost, self.rightmost)
        stopped = (position <= self.leftmost) & (velocity < 0)
        return torch.stack([position, torch.where(stopped, 0.0, velocity)], -1)

    @property
    def observation_normaliser(self) -> AffineScales:
        """Brings a state to about -1 to 1."""
        return AffineScale(shift=BOTTOM, scale=0.3), AffineScale(scale=self.pace)

    def arrived(self, state: Tensor) -> Tensor:
        """Whether the goal is reached, [...]."""
        return state[..., 0] >= self.goal


VALLEY = Car(
    engine=1.25,
    gravity=1.96,
    friction=0.3,
    dt=0.1,
    fastest=4.0,
    leftmost=-1.6,
    rightmost=0.6,
    goal=0.5,
    steps=35,
    pace=0.5,
    swing=(15, -0.947),
)
CONTINUOUS = Car(
    engine=0.0015,
    gravity=0.0025,
    friction=0.0,
    dt=1.0,
    fastest=0.07,
    leftmost=-1.2,
    rightmost=0.6,
    goal=0.45,
    steps=999,
    pace=0.018,
    swing=(42, -0.947),
)

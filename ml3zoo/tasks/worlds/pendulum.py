"""A pendulum with a weak motor is swung up, as in Gymnasium's ``Pendulum-v1``."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.worlds.base import Outcome, between

_STEP, _FASTEST = 0.05, 8.0


@dataclass(frozen=True)
class Pendulum:
    """Reward: minus the squares of angle, speed and torque, weighted as in Gymnasium.

    Attributes:
        limit: steps of an episode.
    """

    limit: int = 100
    observations: int = 3
    actions: int = 1
    draws: int = 2
    returns: tuple[float, float] = (-620.0, -80.0)

    def constants(self, generator: torch.Generator, n: int) -> Tensors:
        """Gravity, length and the largest torque."""
        return {
            "gravity": between(generator, n, 5.0, 10.0),
            "length": between(generator, n, 0.8, 1.2),
            "torque": between(generator, n, 2.0, 4.0),
        }

    def start(self, constants: Tensors, draw: Tensor) -> Tensor:
        """Anywhere, slowly."""
        centred = 2 * draw - 1
        return torch.cat([math.pi * centred[..., :1], centred[..., 1:]], -1)

    def observe(self, constants: Tensors, state: Tensor) -> Tensor:
        """Cosine and sine of the angle, and the speed."""
        angle, speed = state.unbind(-1)
        return torch.stack([angle.cos(), angle.sin(), speed], -1)

    def step(self, constants: Tensors, state: Tensor, action: Tensor) -> Outcome:
        """Semi-implicit Euler; an angle of 0 is upright."""
        gravity, length = constants["gravity"], constants["length"]
        angle, speed = state.unbind(-1)
        torque = constants["torque"] * action[..., 0].clamp(-1, 1)
        off = torch.atan2(angle.sin(), angle.cos())
        reward = -(off.square() + 0.1 * speed.square() + 0.001 * torque.square())
        speed = speed + _STEP * (1.5 * gravity / length * angle.sin() + 3 * torque / length.square())
        speed = speed.clamp(-_FASTEST, _FASTEST)
        return Outcome(
            torch.stack([angle + _STEP * speed, speed], -1), reward, torch.zeros_like(reward, dtype=torch.bool)
        )

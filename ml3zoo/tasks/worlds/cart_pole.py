"""A pole is balanced on a cart that a continuous force moves; dynamics as in Barto, Sutton and Anderson 1983."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.worlds.base import Outcome, between

_STEP, _GRAVITY, _CART = 0.02, 9.8, 1.0
_FARTHEST, _STEEPEST = 2.4, 0.21


@dataclass(frozen=True)
class CartPole:
    """Reward: 1 a step until the pole falls or the cart leaves its track.

    Attributes:
        limit: steps of an episode.
    """

    limit: int = 200
    observations: int = 4
    actions: int = 1
    draws: int = 4
    returns: tuple[float, float] = (26.0, 200.0)

    def constants(self, generator: torch.Generator, n: int) -> Tensors:
        """Mass and half the length of the pole, and the largest force."""
        return {
            "mass": between(generator, n, 0.05, 0.3),
            "length": between(generator, n, 0.3, 0.8),
            "force": between(generator, n, 5.0, 15.0),
        }

    def start(self, constants: Tensors, draw: Tensor) -> Tensor:
        """Nearly upright and at rest."""
        return 0.1 * (draw - 0.5)

    def observe(self, constants: Tensors, state: Tensor) -> Tensor:
        """Position, velocity, angle and its speed, brought to about -1 to 1."""
        return state * state.new_tensor([0.5, 0.5, 5.0, 0.5])

    def step(self, constants: Tensors, state: Tensor, action: Tensor) -> Outcome:
        """Euler."""
        mass, length = constants["mass"], constants["length"]
        position, velocity, angle, speed = state.unbind(-1)
        force = constants["force"] * action[..., 0].clamp(-1, 1)
        total = _CART + mass
        pushed = (force + mass * length * speed.square() * angle.sin()) / total
        turn = (_GRAVITY * angle.sin() - angle.cos() * pushed) / (
            length * (4 / 3 - mass * angle.cos().square() / total)
        )
        push = pushed - mass * length * turn * angle.cos() / total
        state = torch.stack(
            [position + _STEP * velocity, velocity + _STEP * push, angle + _STEP * speed, speed + _STEP * turn], -1
        )
        ended = (state[..., 0].abs() > _FARTHEST) | (state[..., 2].abs() > _STEEPEST)
        return Outcome(state, torch.ones_like(position), ended)

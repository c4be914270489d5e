"""The arm of Gymnasium's ``Reacher-v5`` as a world."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.control.reacher import Reacher, fingertip
from ml3zoo.tasks.worlds.base import Outcome

_ARM = Reacher()


@dataclass(frozen=True)
class ReacherWorld:
    """Reward as there: minus the distance from the goal, minus the squared action.

    Attributes:
        limit: steps of an episode.
    """

    limit: int = 50
    observations: int = 10
    actions: int = 2
    draws: int = 6
    returns: tuple[float, float] = (-43.0, -4.0)

    def constants(self, generator: torch.Generator, n: int) -> Tensors:
        """None: all arms are alike."""
        return {"alike": torch.ones(n, 1)}

    def start(self, constants: Tensors, draw: Tensor) -> Tensor:
        """Starts and goals as the environment draws them."""
        radius, direction = 0.2 * draw[..., 4].sqrt(), 2 * math.pi * draw[..., 5]
        moved = draw.new_tensor([0.1, 0.1, 0.005, 0.005]) * (2 * draw[..., :4] - 1)
        goal = torch.stack([radius * direction.cos(), radius * direction.sin()], -1)
        return torch.cat([moved, goal, fingertip(moved[..., :2])], -1)

    def observe(self, constants: Tensors, state: Tensor) -> Tensor:
        """As the environment has it."""
        return _ARM.observe(state)

    def step(self, constants: Tensors, state: Tensor, action: Tensor) -> Outcome:
        """As the environment has it."""
        after = _ARM.step(state, action)
        reward = -_ARM.offset(after).norm(dim=-1) - action.clamp(-1, 1).square().sum(-1)
        return Outcome(after, reward, torch.zeros_like(reward, dtype=torch.bool))

"""What a world is: how it begins, what is observed, what an action does. No gradient goes through it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ml3zoo.tasks.base import Tensors


class Outcome(NamedTuple):
    """What an action led to.

    Attributes:
        state: the next one, [agents, copies, states].
        reward: [agents, copies].
        ended: whether the episode is over for good, as after a fall, [agents, copies].
    """

    state: Tensor
    reward: Tensor
    ended: Tensor


class World(Protocol):
    """Many copies of one environment, each agent with physical constants of its own."""

    @property
    def observations(self) -> int:
        """How many numbers are observed."""
        ...

    @property
    def actions(self) -> int:
        """How many numbers make an action; beyond [-1, 1] they count as the nearer end."""
        ...

    @property
    def limit(self) -> int:
        """Steps after which an episode is cut off."""
        ...

    @property
    def draws(self) -> int:
        """Random numbers that a start needs."""
        ...

    @property
    def returns(self) -> tuple[float, float]:
        """Of an episode under random actions and under good ones; they tell how much was learned."""
        ...

    def constants(self, generator: torch.Generator, n: int) -> Tensors:
        """Of n agents, [n, 1] each."""
        ...

    def start(self, constants: Tensors, draw: Tensor) -> Tensor:
        """States [agents, copies, states] from uniform numbers [agents, copies, draws]."""
        ...

    def observe(self, constants: Tensors, state: Tensor) -> Tensor:
        """What is observed, [agents, copies, observations]."""
        ...

    def step(self, constants: Tensors, state: Tensor, action: Tensor) -> Outcome:
        """What actions [agents, copies, actions] lead to."""
        ...


def between(generator: torch.Generator, n: int, low: float, high: float) -> Tensor:
    """A constant of n agents, log-uniform, [n, 1]."""
    return low * (high / low) ** torch.rand(n, 1, generator=generator)

"""What all families have in common whose tasks are to act in a world."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ml3zoo.tasks.base import TaskFamily, Tensors


class Acting(TaskFamily):
    """Policies that are rolled out once for each gradient step. Data of a task holds its ``start``."""

    network: nn.Module

    @property
    @abstractmethod
    def steps(self) -> int:
        """Of an episode."""

    @abstractmethod
    def see(self, state: Tensor) -> Tensor:
        """What a policy's network is given in a state."""

    @abstractmethod
    def ahead(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state."""

    def act(self, params: Tensors, states: Tensor) -> Tensor:
        """Actions [..., actions] of a policy in states [..., states]."""
        action: Tensor = functional_call(self.network, params, (self.see(states),))
        return action

    def roll_out(self, params: Tensors, data: Tensors) -> Tensor:
        """States [steps + 1, states] under a policy."""
        states = [data["start"]]
        for _ in range(self.steps):
            states.append(self.ahead(states[-1], self.act(params, states[-1])))
        return torch.stack(states)

    def met(self, params: Tensors, data: Tensors) -> Tensor:
        """The states [steps, states] that a policy had to act in, without a gradient."""
        return self.roll_out({name: p.detach() for name, p in params.items()}, data)[:-1]


def if_finite(params: Tensors, value: Tensor) -> Tensor:
    """A value of a policy, NaN if the policy's weights are not finite."""
    return torch.where(torch.stack([p.isfinite().all() for p in params.values()]).all(), value, torch.nan)

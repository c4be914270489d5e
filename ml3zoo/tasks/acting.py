"""What all families have in common whose tasks are to act in an environment."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ml3zoo.format.environment import AffineScales, normalise
from ml3zoo.tasks.base import TaskFamily, Tensors
from ml3zoo.tasks.optimizees import MLP


class Acting(TaskFamily):
    """Policies that are rolled out once for each gradient step. The data of a task holds its ``start``.

    Subclasses are frozen dataclasses.
    """

    network: nn.Module

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.policy.skeleton())

    @property
    @abstractmethod
    def policy(self) -> MLP:
        """The network: an observation in, an action out."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Of an episode."""

    @property
    @abstractmethod
    def observation_normaliser(self) -> AffineScales:
        """Brings an observation to about -1 to 1."""

    def observe(self, state: Tensor) -> Tensor:
        """What the policy observes of a state; all of it unless a family says otherwise."""
        return state

    @abstractmethod
    def ahead(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state."""

    def act(self, params: Tensors, states: Tensor) -> Tensor:
        """Actions [..., actions] of a policy in states [..., states]."""
        return self.answer(params, self.observe(states))

    def answer(self, params: Tensors, observed: Tensor) -> Tensor:
        """Actions [..., actions] of a policy for observations [..., observed]."""
        action: Tensor = functional_call(self.network, params, (normalise(observed, self.observation_normaliser),))
        return action

    def roll_out(self, params: Tensors, data: Tensors) -> Tensor:
        """States [steps + 1, states] under a policy."""
        states = [data["start"]]
        for _ in range(self.steps):
            states.append(self.ahead(states[-1], self.act(params, states[-1])))
        return torch.stack(states)

    def visited_states(self, params: Tensors, data: Tensors) -> Tensor:
        """The states [steps, states] in which a policy acts, without a gradient."""
        return self.roll_out({name: p.detach() for name, p in params.items()}, data)[:-1]


def if_finite(params: Tensors, value: Tensor) -> Tensor:
    """A number that describes a policy; NaN if the policy's weights are not finite."""
    return torch.where(torch.stack([p.isfinite().all() for p in params.values()]).all(), value, torch.nan)

"""Reaching: a fresh policy learns from a few roll-outs to come to rest at a goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ml3zoo.format.environment import AffineScales
from ml3zoo.tasks.acting import Acting, if_finite
from ml3zoo.tasks.base import Split, Tasks, Tensors
from ml3zoo.tasks.optimizees import MLP, Activation


class Environment(Protocol):
    """Dynamics with a goal in the plane to reach. Pure functions of tensors."""

    @property
    def steps(self) -> int:
        """Of an episode."""
        ...

    @property
    def observation_normaliser(self) -> AffineScales:
        """Brings an observation to about -1 to 1."""
        ...

    def draw(self, generator: torch.Generator, n: int, split: Split) -> Tensor:
        """Starts [n, states], with a goal each."""
        ...

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state [..., states], after an action [..., 2]."""
        ...

    def goal(self, state: Tensor) -> Tensor:
        """The goal, [..., 2]."""
        ...

    def offset(self, state: Tensor) -> Tensor:
        """The way from the goal, [..., 2]."""
        ...

    def observe(self, state: Tensor) -> Tensor:
        """What a policy observes of a state, [..., observed]."""
        ...

    def learned(self) -> Tensors:
        """Tensors that were fitted to data; none if the dynamics are known."""
        ...

    def move(self, device: torch.device) -> None:
        """Move these to a device."""
        ...


@dataclass(frozen=True)
class Reaching(Acting):
    """Policies with fresh weights, each with a start and a goal of its own.

    Attributes:
        environment: its dynamics.
        hidden: layers of the policy.
        activation: of the policy.
        through: the loss is given the ways from the goal, with a gradient through the dynamics, as an ordinary loss
            needs it; else the gradient goes through the actions alone.
    """

    environment: Environment
    hidden: tuple[int, ...] = (64,)
    activation: Activation = "tanh"
    through: bool = False

    @property
    def policy(self) -> MLP:
        """The network: an observation in, an action out."""
        return MLP((len(self.environment.observation_normaliser), *self.hidden, 2), self.activation)

    @property
    def steps(self) -> int:
        """Of an episode."""
        return self.environment.steps

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``start`` [n, states]."""
        return Tasks({"start": self.environment.draw(generator, n, split)}, self.policy.sample(generator, n))

    @property
    def observation_normaliser(self) -> AffineScales:
        """Brings an observation to about -1 to 1."""
        return self.environment.observation_normaliser

    def observe(self, state: Tensor) -> Tensor:
        """As the environment gives it."""
        return self.environment.observe(state)

    def ahead(self, state: Tensor, action: Tensor) -> Tensor:
        """By the environment's dynamics."""
        return self.environment.step(state, action)

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Actions [steps, 2], goals [steps, 2] and observations; or ways from the goal [steps, 2] and zeros."""
        if self.through:
            offsets = self.environment.offset(self.roll_out(params, data)[1:])
            return {"input": offsets, "target": torch.zeros_like(offsets)}
        states = self.visited_states(params, data)
        return {
            "input": self.act(params, states),
            "target": self.environment.goal(states),
            "feature": self.observe(states),
        }

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """The mean distance from the goal, four fifths of it in the last ten steps."""
        distance: Tensor = self.environment.offset(self.roll_out(params, data)[1:]).norm(dim=-1)
        return 0.2 * distance.mean() + 0.8 * distance[-10:].mean()

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """The distance from the goal at the end of the episode; NaN if the policy's weights are not finite."""
        distance: Tensor = self.environment.offset(self.roll_out(params, data)[-1]).norm(dim=-1)
        return if_finite(params, distance)

    def learned(self) -> Tensors:
        """The environment's, if its dynamics are a fitted model."""
        return self.environment.learned()

    def move(self, device: torch.device) -> None:
        """Move the environment's."""
        self.environment.move(device)

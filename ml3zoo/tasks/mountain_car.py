"""Mountain car: a fresh policy learns from a few roll-outs to swing a car out of a valley."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.format.environment import AffineScales
from ml3zoo.tasks.acting import Acting, if_finite
from ml3zoo.tasks.base import Split, Tasks, Tensors
from ml3zoo.tasks.control.car import BOTTOM, VALLEY, Car
from ml3zoo.tasks.optimizees import MLP, Activation


@dataclass(frozen=True)
class MountainCar(Acting):
    """Policies with fresh weights, each with a start of its own near the bottom of the valley.

    A policy sees position and velocity, brought to about -1 to 1. A car that has arrived stays where it is.

    Attributes:
        car: its dynamics.
        hidden: layers of the policy.
        activation: of the policy.
        shaped: the objective of meta-training is first a place on the left, where the car gains height, then the goal;
            else the goal alone.
        through: the loss is given positions, with a gradient through the dynamics, as an ordinary loss needs it; else
            the gradient goes through the actions alone.
        spread: largest distance of a start from the bottom, and its largest speed.
    """

    car: Car = VALLEY
    hidden: tuple[int, ...] = (64,)
    activation: Activation = "tanh"
    shaped: bool = True
    through: bool = False
    spread: tuple[float, float] = (0.1, 0.1)

    @property
    def policy(self) -> MLP:
        """The network: a state in, an action out."""
        return MLP((2, *self.hidden, 1), self.activation)

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``start`` [n, 2]; no two are alike, of any split."""
        spread = torch.tensor(self.spread)
        start = torch.tensor([BOTTOM, 0.0]) + spread * (2 * torch.rand(n, 2, generator=generator) - 1)
        return Tasks({"start": start}, self.policy.sample(generator, n))

    @property
    def steps(self) -> int:
        """Of an episode."""
        return self.car.steps

    @property
    def observation_normaliser(self) -> AffineScales:
        """Brings position and velocity to about -1 to 1."""
        return self.car.observation_normaliser

    def ahead(self, state: Tensor, action: Tensor) -> Tensor:
        """By the car's dynamics, until it has arrived."""
        return torch.where(self.car.arrived(state)[..., None], state, self.car.step(state, action))

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Actions [steps, 1], goals [steps, 1] and states [steps, 2]; or positions [steps, 1] and as many goals."""
        if self.through:
            positions = self.roll_out(params, data)[1:, :1]
            return {"input": positions, "target": torch.full_like(positions, self.car.goal)}
        states = self.visited_states(params, data)
        actions = self.act(params, states)
        return {"input": actions, "target": torch.full_like(actions, self.car.goal), "feature": states}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """A smooth miss, 1/2 at 0.2 short of the goal, plus a small part of the distance from where it should be."""
        positions = self.roll_out(params, data)[1:, 0]
        wanted = torch.full_like(positions, self.car.goal)
        if self.shaped:
            steps, place = self.car.swing
            wanted[:steps] = place
        short = (self.car.goal - positions.amax()).clamp_min(0)
        return short / (short + 0.2) + 0.3 * (positions - wanted).abs().mean()

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """1 if the car does not arrive, 0 if it does, NaN if the policy's weights are not finite."""
        return if_finite(params, 1 - self.car.arrived(self.roll_out(params, data)[-1]).to(data["start"].dtype))

    def selection_metric(self, params: Tensors, data: Tensors) -> Tensor:
        """The metric plus the distance from the goal at the end."""
        end = self.roll_out(params, data)[-1, 0]
        return self.metric(params, data) + (self.car.goal - end).clamp_min(0)

"""Inverse dynamics: a network predicts an arm's inertia matrix; only torques are observed.

Source: Bechtle et al. 2020, inverse dynamics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ml3zoo.tasks.arm import Arm
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.optimizees import MLP, Activation

_MASSES: dict[Split, tuple[tuple[float, float], ...]] = {
    "train": ((0.3, 0.8), (1.2, 1.8)),
    "valid": ((0.8, 1.0), (1.8, 2.0)),
    "test": ((1.0, 1.2), (2.0, 2.4)),
}
"""Ranges of the mass of each link in kg: the splits share none."""


@dataclass(frozen=True)
class InverseDynamics(TaskFamily):
    """Torques along a trajectory of an arm whose masses and lengths are unknown; the metric is along another one.

    Both trajectories swing about the same posture.

    The network gives the Cholesky factor of the inertia matrix from sines and cosines of the joint angles; gravity
    and velocity torques are known. Torques are in units of their spread along the trajectory, joint by joint, and the
    inertia of each joint in units of the spread of its torque over that of its acceleration.

    Attributes:
        links: of the arm.
        hidden: layers of the network.
        activation: of the network.
        shaped: the objective of meta-training is the simulator's inertia matrix; else the observed torques.
        points: along each trajectory.
        noise: on the observed torques, in units of their spread.
    """

    links: int = 2
    hidden: tuple[int, ...] = (32, 32)
    activation: Activation = "tanh"
    shaped: bool = True
    points: int = 100
    noise: float = 0.02

    network: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.optimizee.skeleton())

    @property
    def optimizee(self) -> MLP:
        """The network: sines and cosines in, a lower triangle out."""
        return MLP((2 * self.links, *self.hidden, self.links * (self.links + 1) // 2), self.activation)

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N arms: ``angles``, ``acceleration``, ``torque`` [n, points, links], the same ``_test``, and true inertia."""
        ranges = torch.tensor(_MASSES[split])
        chosen = ranges[torch.randint(len(ranges), (n, 1, self.links), generator=generator)]
        mass = chosen[..., 0] + (chosen[..., 1] - chosen[..., 0]) * torch.rand(n, 1, self.links, generator=generator)
        arm = Arm(mass, 0.4 + 0.6 * torch.rand(n, 1, self.links, generator=generator))
        posture = 2 * math.pi * torch.rand(n, 1, self.links, generator=generator) - math.pi
        data: Tensors = {}
        for part in ("", "_test"):
            q, _, acceleration = self._trajectory(generator, posture)
            inertia = arm.inertia(q)
            data |= {
                f"angles{part}": q,
                f"acceleration{part}": acceleration,
                f"inertia{part}": inertia,
                f"torque{part}": (inertia * acceleration[..., None, :]).sum(-1),
            }
        spread = data["torque"].std(1, keepdim=True)
        observed = self.noise * spread * torch.randn(data["torque"].shape, generator=generator)
        data["torque"] = data["torque"] + observed
        unit = (spread / data["acceleration"].std(1, keepdim=True)).sqrt()
        return Tasks(data | {"spread": spread, "unit": unit}, self.optimizee.sample(generator, n))

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Predicted and observed torques, and the size of all accelerations together, [points, links]."""
        acceleration = data["acceleration"]
        size = acceleration.square().mean(-1, keepdim=True)
        return {
            "input": self._torque(params, data, "") / data["spread"],
            "target": data["torque"] / data["spread"],
            "feature": (size / size.mean()).sqrt().expand_as(acceleration),
        }

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """Squared error of the inertia matrix over its size; of the observed torques if not shaped."""
        if not self.shaped:
            arguments = self.loss_arguments(params, data)
            return (arguments["input"] - arguments["target"]).square().mean()
        error = self._inertia(params, data, "") - data["inertia"]
        return error.square().mean() / data["inertia"].square().mean()

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """Squared error of the torques along another trajectory, over their variance."""
        predicted = self._torque(params, data, "_test")
        error = (predicted - data["torque_test"]).square().mean(0)
        return (error / data["torque_test"].var(0)).mean()

    def selection_metric(self, params: Tensors, data: Tensors) -> Tensor:
        """The metric: a user has a second trajectory to choose by."""
        return self.metric(params, data)

    def _trajectory(self, generator: torch.Generator, posture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sums of three sines for each joint: angles, velocities and accelerations over ten seconds."""
        shape = (*posture.shape, 3)
        amplitude = 0.2 + 0.6 * torch.rand(shape, generator=generator)
        frequency = 2 * math.pi * (0.1 + 0.5 * torch.rand(shape, generator=generator))
        phase = 2 * math.pi * torch.rand(shape, generator=generator)
        time = torch.linspace(0, 10, self.points)[:, None, None]
        swing = frequency * time + phase
        q = posture + (amplitude * torch.sin(swing)).sum(-1)
        velocity = (amplitude * frequency * torch.cos(swing)).sum(-1)
        return q, velocity, -(amplitude * frequency.square() * torch.sin(swing)).sum(-1)

    def _inertia(self, params: Tensors, data: Tensors, part: str) -> Tensor:
        q, unit = data[f"angles{part}"], data["unit"]
        entries: Tensor = functional_call(self.network, params, (torch.cat([q.sin(), q.cos()], -1),))
        rows, columns = torch.tril_indices(self.links, self.links).unbind()
        place = torch.zeros(len(rows), self.links, self.links).to(entries)
        place[torch.arange(len(rows)), rows, columns] = 1
        factor = unit[..., None] * torch.einsum("...k,kij->...ij", entries, place)
        return factor @ factor.mT

    def _torque(self, params: Tensors, data: Tensors, part: str) -> Tensor:
        return (self._inertia(params, data, part) * data[f"acceleration{part}"][..., None, :]).sum(-1)

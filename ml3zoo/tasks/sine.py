"""Sine regression: fit y = A sin(x − φ) from 100 points. Source: Bechtle et al. 2020, first experiment."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.optimizees import MLP

_SLICES = 4000
"""The circle of phases is cut into this many slices, dealt to the splits in turn: splits share no task."""
_DEAL: dict[Split, tuple[int, ...]] = {"train": (0, 1), "valid": (2,), "test": (3,)}


@dataclass(frozen=True)
class Sine(TaskFamily):
    """Amplitude U[0.2, 5], phase U[−π, π], x ~ U[−5, 5]; objective: mean squared error over the target's variance.

    ``standardized`` targets have mean 0 and standard deviation 1 in each task, as users are advised to do.
    """

    optimizee: MLP
    standardized: bool = False
    points: int = 100

    rows: ClassVar[tuple[str, ...]] = ("x", "y")
    network: nn.Module = field(init=False, repr=False, compare=False)
    """The optimizee's structure; its own weights are never used."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.optimizee.skeleton())

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x`` and ``y`` of shape [n, points, 1] and the networks' initial parameters."""
        amplitude = 0.2 + 4.8 * torch.rand(n, 1, 1, generator=generator)
        deal = torch.tensor(_DEAL[split])
        hand = deal[torch.randint(len(deal), (n, 1, 1), generator=generator)]
        slices = 4 * torch.randint(_SLICES // 4, (n, 1, 1), generator=generator) + hand
        position = (slices + torch.rand(n, 1, 1, generator=generator)) / _SLICES
        phase = math.pi * (2 * position - 1)
        x = 10 * torch.rand(n, self.points, 1, generator=generator) - 5
        y = amplitude * torch.sin(x - phase)
        if self.standardized:
            y = (y - y.mean(1, keepdim=True)) / y.std(1, keepdim=True)
        return Tasks({"x": x, "y": y}, self.optimizee.sample(generator, n))

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Predictions and targets, [points, 1]."""
        return {"input": functional_call(self.network, params, (data["x"],)), "target": data["y"]}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """Normalised mean squared error."""
        prediction: Tensor = functional_call(self.network, params, (data["x"],))
        return (prediction - data["y"]).square().mean() / data["y"].var()


@dataclass(frozen=True)
class PaperSine(Sine):
    """The paper's one meta-training task, y = sin(x − π) at 100 fixed points in [−2, 2], with fresh Xavier networks."""

    data_seed: int = 0

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N copies of the one task with n initialisations; other splits are the family's own."""
        if split != "train":
            return super().sample(generator, n, split)
        x = 4 * torch.rand(self.points, 1, generator=torch.Generator().manual_seed(self.data_seed)) - 2
        data = {"x": x.repeat(n, 1, 1), "y": torch.sin(x - math.pi).repeat(n, 1, 1)}
        return Tasks(data, self.optimizee.sample(generator, n))

"""Frequency recovery: find ω of sin(ωx) from noisy points. Source: Bechtle et al. 2020, shaped sine."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors

_SLICES = 4000
"""The range of frequencies is cut into this many slices, dealt to the splits in turn: splits share no task."""
_DEAL: dict[Split, tuple[int, ...]] = {"train": (0, 1), "valid": (2,), "test": (3,)}


@dataclass(frozen=True)
class Frequency(TaskFamily):
    """True frequency ν, first guess ω₀ and x all uniform in [−5, 5]; y = sin(νx) + noise; the model is sin(ωx).

    Attributes:
        points: of each task.
        noise: standard deviation of the noise on y.
        shaped: the objective of meta-training is the error of ω; else that of predictions, which is all a user sees.
        within: the frequency counts as found if |ω − ν| is smaller.
    """

    points: int = 64
    noise: float = 0.1
    shaped: bool = True
    within: float = 0.1

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x`` and ``y`` [n, points], ``frequency`` [n]; parameter ``omega`` [n]."""
        deal = torch.tensor(_DEAL[split])
        hand = deal[torch.randint(len(deal), (n,), generator=generator)]
        slices = 4 * torch.randint(_SLICES // 4, (n,), generator=generator) + hand
        frequency = 10 * (slices + torch.rand(n, generator=generator)) / _SLICES - 5
        x = 10 * torch.rand(n, self.points, generator=generator) - 5
        y = torch.sin(frequency[:, None] * x) + self.noise * torch.randn(n, self.points, generator=generator)
        omega = 10 * torch.rand(n, generator=generator) - 5
        return Tasks({"x": x, "y": y, "frequency": frequency}, {"omega": omega})

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Predictions, targets and the model's input, [points]."""
        return {"input": torch.sin(params["omega"] * data["x"]), "target": data["y"], "feature": data["x"]}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """A smooth miss, with a gradient far away too; the mean squared error if not shaped."""
        if not self.shaped:
            return self.selection_metric(params, data)
        square = (params["omega"] - data["frequency"]).square()
        return square / (square + 0.05) + 0.1 * (square + 0.01).sqrt()

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """1 if the frequency was missed, 0 if it was found, NaN if the run diverged."""
        distance = (params["omega"] - data["frequency"]).abs()
        return torch.where(distance.isfinite(), (distance >= self.within).to(distance.dtype), torch.nan)

    def selection_metric(self, params: Tensors, data: Tensors) -> Tensor:
        """Mean squared error on the points."""
        return (torch.sin(params["omega"] * data["x"]) - data["y"]).square().mean()

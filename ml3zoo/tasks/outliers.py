"""Outliers among targets, at a rate that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Outliers:
    """Some targets are far off, the others right.

    Attributes:
        rates: each task's share of outliers is uniform between these two.
        sides: to one side, another in each task, or to both.
        distance: how far off they are, uniform between these two, in standard deviations of clean targets.
    """

    rates: tuple[float, float]
    sides: Literal["one", "both"] = "both"
    distance: tuple[float, float] = (2.0, 8.0)

    def __str__(self) -> str:
        low, high = self.rates
        share = f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}"
        return f"{share} outliers to {'one side' if self.sides == 'one' else 'both sides'}"

    def __call__(self, generator: torch.Generator, x: Tensor) -> Tensor:
        """What to add to the targets of inputs x [tasks, points, features]; [tasks, points]."""
        tasks, points = x.shape[:2]
        low, high = self.rates
        rate = low + (high - low) * torch.rand(tasks, 1, generator=generator)
        hit = torch.rand(tasks, points, generator=generator) < rate
        near, far = self.distance
        distance = near + (far - near) * torch.rand(tasks, points, generator=generator)
        side = torch.rand(tasks, 1 if self.sides == "one" else points, generator=generator) < 0.5
        return torch.where(hit, torch.where(side, distance, -distance), 0.0)

"""Kinds of noise on regression targets, most with heavy tails, many to one side. Units: those of the target.

Without noise the target is f(x), of variance 1. Each task draws the size and the side of its noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

NoiseKind = Literal[
    "no",
    "Gaussian",
    "Student",
    "gross",
    "one-sided",
    "log-normal",
    "Laplace",
    "Pareto",
    "clustered",
    "heteroscedastic",
]


class _Draw:
    """Random numbers for inputs x, [tasks, points, features]."""

    def __init__(self, generator: torch.Generator, x: Tensor) -> None:
        self.generator, self.x = generator, x
        self.tasks, self.points = x.shape[:2]

    def size(self, low: float, high: float) -> Tensor:
        """A number for each task, uniform, [tasks, 1]."""
        return low + (high - low) * torch.rand(self.tasks, 1, generator=self.generator)

    def side(self) -> Tensor:
        """1 or -1 for each task, [tasks, 1]."""
        return torch.where(self.size(0, 1) < 0.5, -1.0, 1.0)

    def normal(self) -> Tensor:
        """Standard normal, [tasks, points]."""
        return torch.randn(self.tasks, self.points, generator=self.generator)

    def uniform(self) -> Tensor:
        """Uniform in (0, 1], [tasks, points]."""
        return 1 - torch.rand(self.tasks, self.points, generator=self.generator)

    def base(self) -> Tensor:
        """Small normal noise, beneath outliers."""
        return self.size(0.05, 0.3) * self.normal()

    def hit(self, low: float, high: float) -> Tensor:
        """Which points are outliers: a share between two bounds in each task, [tasks, points]."""
        return self.uniform() < self.size(low, high)


def _none(draw: _Draw) -> Tensor:
    return torch.zeros(draw.tasks, draw.points)


def _gaussian(draw: _Draw) -> Tensor:
    return draw.size(0.1, 0.5) * draw.normal()


def _student(draw: _Draw) -> Tensor:
    """Of 2 degrees of freedom: its variance is infinite."""
    chi_square = -2 * draw.uniform().log()
    return draw.size(0.1, 0.5) * draw.normal() / (chi_square / 2).clamp_min(1e-6).sqrt()


def _gross(draw: _Draw) -> Tensor:
    outliers = draw.size(2, 6) * draw.normal()
    return draw.base() + torch.where(draw.hit(0.05, 0.4), outliers, 0.0)


def _one_sided(draw: _Draw) -> Tensor:
    outliers = draw.side() * (draw.size(0, 2) - draw.size(1, 4) * draw.uniform().log())
    return draw.base() + torch.where(draw.hit(0.05, 0.4), outliers, 0.0)


def _log_normal(draw: _Draw) -> Tensor:
    """Its mode is 0."""
    spread = draw.size(0.6, 1.2)
    skewed = (spread * draw.normal()).exp() - (-spread.square()).exp()
    return draw.side() * draw.size(0.2, 0.6) * skewed


def _laplace(draw: _Draw) -> Tensor:
    return draw.size(0.1, 0.6) * draw.normal().sign() * draw.uniform().log()


def _pareto(draw: _Draw) -> Tensor:
    """Its mode is 0."""
    tail = draw.uniform() ** (-1 / draw.size(1.5, 3)) - 1
    return draw.side() * draw.size(0.3, 1.0) * tail


def _clustered(draw: _Draw) -> Tensor:
    """Outliers that agree with each other."""
    outliers = draw.side() * draw.size(2, 5) + 0.05 * draw.normal()
    return torch.where(draw.hit(0.1, 0.35), outliers, draw.base())


def _heteroscedastic(draw: _Draw) -> Tensor:
    """Normal, its size growing along a direction of the inputs."""
    direction = torch.randn(draw.tasks, draw.x.shape[2], 1, generator=draw.generator)
    along = (draw.x @ torch.nn.functional.normalize(direction, dim=1)).squeeze(-1)
    return draw.size(0.1, 0.4) * along.clamp(max=4).exp() * draw.normal()


_RULES: dict[NoiseKind, Callable[[_Draw], Tensor]] = {
    "no": _none,
    "Gaussian": _gaussian,
    "Student": _student,
    "gross": _gross,
    "one-sided": _one_sided,
    "log-normal": _log_normal,
    "Laplace": _laplace,
    "Pareto": _pareto,
    "clustered": _clustered,
    "heteroscedastic": _heteroscedastic,
}


@dataclass(frozen=True)
class TargetNoise:
    """Each task has one of some kinds of noise, all equally likely.

    Attributes:
        kinds: of noise.
        background: largest standard deviation of additional normal noise; each task draws its own.
    """

    kinds: tuple[NoiseKind, ...]
    background: float = 0.0

    def __str__(self) -> str:
        kinds = f"{self.kinds[0]} noise" if len(self.kinds) == 1 else f"{len(self.kinds)} kinds of noise"
        return f"{kinds} over normal noise" if self.background else kinds

    def __call__(self, generator: torch.Generator, x: Tensor) -> Tensor:
        """What to add to the targets of inputs x [tasks, points, features]; [tasks, points]."""
        draw = _Draw(generator, x)
        each = torch.stack([_RULES[kind](draw) for kind in self.kinds])
        chosen = torch.randint(len(self.kinds), (len(x),), generator=generator)
        noise = each[chosen, torch.arange(len(x))]
        return noise + draw.size(0, self.background) * draw.normal() if self.background else noise

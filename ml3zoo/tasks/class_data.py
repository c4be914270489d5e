"""Sources of labelled points for classification tasks: synthetic distributions and real data sets."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ml3zoo.tasks.bundled import read_bundled


class LabelledPoints(NamedTuple):
    """Points of n tasks.

    Attributes:
        x: [tasks, points, features], of scale 1.
        labels: true classes, [tasks, points].
        margin: how far each point is from being of another class, any scale, [tasks, points].
    """

    x: Tensor
    labels: Tensor
    margin: Tensor


class Source(Protocol):
    """A distribution of labelled data of a fixed number of features and classes."""

    @property
    def features(self) -> int:
        """Number of features."""
        ...

    @property
    def classes(self) -> int:
        """Number of classes."""
        ...

    def sample(self, generator: torch.Generator, n: int, points: int) -> LabelledPoints:
        """N tasks of ``points`` points each."""
        ...


@dataclass(frozen=True)
class Mixtures:
    """Classes of two Gaussian blobs each, pushed through a random nonlinear map.

    Attributes:
        classes: their number.
        features: their number.
        separation: distance of blobs from their middle, in standard deviations of an average blob.
        latent: dimensions that the blobs lie in; fewer than features give correlated features, as in most real data.
            As many as features if None.
        unevenness: standard deviation of the logarithm of a blob's share of the points.
    """

    classes: int
    features: int = 16
    separation: float = 4.0
    latent: int | None = None
    unevenness: float = 0.0

    def __str__(self) -> str:
        return f"mixtures, {self.classes} classes"

    def sample(self, generator: torch.Generator, n: int, points: int) -> LabelledPoints:
        """Blobs of random place and width; some tasks are easier than others."""
        blobs, latent = 2 * self.classes, self.latent or self.features
        centres = torch.randn(n, blobs, latent, generator=generator) * self.separation / math.sqrt(latent)
        if self.unevenness:
            shares = (self.unevenness * torch.randn(n, blobs, generator=generator)).softmax(-1)
            blob = torch.multinomial(shares, points, replacement=True, generator=generator)
        else:
            blob = torch.randint(blobs, (n, points), generator=generator)
        width = 0.6 + 0.6 * torch.rand(n, 1, 1, generator=generator)
        offsets = width * torch.randn(n, points, latent, generator=generator)
        x = centres.gather(1, blob[..., None].expand(-1, -1, latent)) + offsets
        labels = blob % self.classes
        margin = _margin(-torch.cdist(x, centres).view(n, points, 2, self.classes).amin(2), labels)
        mixing = torch.randn(n, latent, self.features, generator=generator) / math.sqrt(latent)
        return LabelledPoints(_standard(torch.tanh(x @ mixing)), labels, margin)


@dataclass(frozen=True)
class Teachers:
    """Normal points classified by a random network; boundaries are nonlinear and classes differ in size."""

    classes: int
    features: int = 8
    hidden: int = 12

    def __str__(self) -> str:
        return f"random teachers, {self.classes} classes"

    def sample(self, generator: torch.Generator, n: int, points: int) -> LabelledPoints:
        """A network per task."""
        x = torch.randn(n, points, self.features, generator=generator)
        first = torch.randn(n, self.features, self.hidden, generator=generator) * 1.5 / math.sqrt(self.features)
        second = torch.randn(n, self.hidden, self.classes, generator=generator) / math.sqrt(self.hidden)
        scores = _standard(torch.tanh(x @ first) @ second)
        labels = scores.argmax(-1)
        return LabelledPoints(x, labels, _margin(scores, labels))


@dataclass(frozen=True)
class RealData:
    """One of the data sets that ship with scikit-learn: digits, wine, breast_cancer, iris.

    A task is a random choice of its rows, without repetition.
    """

    name: str
    features: int
    classes: int

    def __str__(self) -> str:
        return self.name.replace("_", " ")

    def sample(self, generator: torch.Generator, n: int, points: int) -> LabelledPoints:
        """Rows of the data set; their margin is that of a nearest-mean classifier."""
        x, labels = _bundled(self.name)
        rows = torch.stack([torch.randperm(len(x), generator=generator)[:points] for _ in range(n)])
        means = torch.stack([x[labels == k].mean(0) for k in range(self.classes)])
        margin = _margin(-torch.cdist(x, means), labels)
        return LabelledPoints(_standard(x[rows]), labels[rows], margin[rows])


@cache
def _bundled(name: str) -> tuple[Tensor, Tensor]:
    x, labels = read_bundled(name)
    return _standard(x[None])[0], labels


def _standard(x: Tensor) -> Tensor:
    """Each feature with mean 0 and standard deviation 1 over the points of a task."""
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True).clamp_min(1e-6)


def _margin(scores: Tensor, labels: Tensor) -> Tensor:
    """A point's score for its own class over the best of the others."""
    own = scores.gather(-1, labels[..., None])
    others = scores.scatter(-1, labels[..., None], -math.inf)
    return own.squeeze(-1) - others.amax(-1)

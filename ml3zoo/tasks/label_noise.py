"""How labels go wrong: kinds of label noise, each at any rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class LabelNoise(Protocol):
    """A kind of label noise."""

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """Wrong labels for some points.

        Args:
            generator: of all randomness.
            labels: true classes, [tasks, points].
            margin: how far each point is from being of another class, any scale, [tasks, points].
            rate: expected share of wrong labels, [tasks].
            classes: their number.

        Returns:
            Labels as they would be found, [tasks, points].
        """
        ...


@dataclass(frozen=True)
class Symmetric:
    """A wrong label is any of the other classes; the true one stays the likeliest, where classes are few too."""

    def __str__(self) -> str:
        return "symmetric"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """Any point may be hit."""
        wrong = torch.rand(labels.shape, generator=generator) < rate.clamp(max=_most(classes))[:, None]
        return torch.where(wrong, _others(generator, labels, classes), labels)


@dataclass(frozen=True)
class Pairwise:
    """A wrong label is the next class, as where each class is mistaken for one other.

    Beyond 45 % no label would be the most likely one any more: rates end there.
    """

    def __str__(self) -> str:
        return "pairwise"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """Any point may be hit."""
        wrong = torch.rand(labels.shape, generator=generator) < rate.clamp(max=0.45)[:, None]
        return torch.where(wrong, (labels + 1) % classes, labels)


@dataclass(frozen=True)
class ClassDependent:
    """Each class has a rate of its own, between nothing and twice the mean, and classes it is rather mistaken for."""

    def __str__(self) -> str:
        return "class-dependent"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """Any point may be hit."""
        n = len(labels)
        rates = (2 * rate[:, None] * torch.rand(n, classes, generator=generator)).clamp(max=0.7)
        taste = (1.5 * torch.randn(n, classes, classes, generator=generator)).exp()
        taste.diagonal(dim1=1, dim2=2).zero_()
        chosen = taste.gather(1, labels[..., None].expand(-1, -1, classes)).flatten(0, 1)
        mistaken = torch.multinomial(chosen, 1, generator=generator).view_as(labels)
        # the rate at which the favourite mistake would be as likely as the true class, but for a margin
        most = 0.9 / (1 + taste.amax(2) / taste.sum(2))
        wrong = torch.rand(labels.shape, generator=generator) < torch.minimum(rates, most).gather(1, labels)
        return torch.where(wrong, mistaken, labels)


@dataclass(frozen=True)
class NearBoundary:
    """Points near the boundary of their class are mislabelled, the nearest first, as by tired annotators."""

    def __str__(self) -> str:
        return "near-boundary"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """A point's rate falls with its margin: twice the mean at the boundary, nothing far from it."""
        rank = margin.argsort(1).argsort(1) / margin.shape[1]
        wrong = torch.rand(labels.shape, generator=generator) < (2 * rate[:, None] * (1 - rank)).clamp(
            max=_most(classes)
        )
        return torch.where(wrong, _others(generator, labels, classes), labels)


@dataclass(frozen=True)
class AnyOf:
    """Each task has one of several kinds, all equally likely."""

    kinds: tuple[LabelNoise, ...]

    def __str__(self) -> str:
        return "mixed"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """As that kind."""
        each = torch.stack([kind(generator, labels, margin, rate, classes) for kind in self.kinds])
        chosen = torch.randint(len(self.kinds), (len(labels),), generator=generator)
        return each[chosen, torch.arange(len(labels))]


def _most(classes: int) -> float:
    """The highest rate at which the true class is still the likeliest label by a clear margin."""
    return 0.9 * (classes - 1) / classes


def _others(generator: torch.Generator, labels: Tensor, classes: int) -> Tensor:
    """A class for each point that is not its own."""
    return (labels + torch.randint(1, classes, labels.shape, generator=generator)) % classes

"""Kinds of label noise, each at any rate.

A rate is the share of labels that are wrong: a wrong label is always another class. Papers that flip to any class, the
true one among them, count more: their 40 % of ten classes are 36 % here. Rates are bounded such that the true class
stays the most likely label; of two classes at most 45 % are wrong.
"""

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
        """Labels, some of them wrong.

        Args:
            generator: of all randomness.
            labels: true classes, [tasks, points].
            margin: how far each point is from being of another class, any scale, [tasks, points].
            rate: expected share of wrong labels, [tasks].
            classes: their number.

        Returns:
            [tasks, points].
        """
        ...


@dataclass(frozen=True)
class Symmetric:
    """A wrong label is any other class, all equally likely. The true class stays the most likely label."""

    def __str__(self) -> str:
        return "symmetric"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """All points have the same rate."""
        wrong = torch.rand(labels.shape, generator=generator) < rate.clamp(max=_most(classes))[:, None]
        return torch.where(wrong, _others(generator, labels, classes), labels)


@dataclass(frozen=True)
class Pairwise:
    """A wrong label is the next class; also called asymmetric or pair-flip noise.

    Rates are at most 45 %, so that the true class stays the most likely label.
    """

    def __str__(self) -> str:
        return "pairwise"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """All points have the same rate."""
        wrong = torch.rand(labels.shape, generator=generator) < rate.clamp(max=0.45)[:, None]
        return torch.where(wrong, (labels + 1) % classes, labels)


@dataclass(frozen=True)
class ClassDependent:
    """Each class has its own rate, from zero to twice the mean, and its own distribution over wrong classes."""

    def __str__(self) -> str:
        return "class-dependent"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """All points of a class have the same rate."""
        n = len(labels)
        rates = (2 * rate[:, None] * torch.rand(n, classes, generator=generator)).clamp(max=0.7)
        preference = (1.5 * torch.randn(n, classes, classes, generator=generator)).exp()
        preference.diagonal(dim1=1, dim2=2).zero_()
        chosen = preference.gather(1, labels[..., None].expand(-1, -1, classes)).flatten(0, 1)
        mistaken = torch.multinomial(chosen, 1, generator=generator).view_as(labels)
        # a bit less than the rate at which the most frequent mistake is as likely as the true class
        most = 0.9 / (1 + preference.amax(2) / preference.sum(2))
        wrong = torch.rand(labels.shape, generator=generator) < torch.minimum(rates, most).gather(1, labels)
        return torch.where(wrong, mistaken, labels)


@dataclass(frozen=True)
class NearBoundary:
    """Points near the boundary of their class are mislabelled, the nearest most often, as by human annotators."""

    def __str__(self) -> str:
        return "near-boundary"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """A point's rate falls with its margin: twice the mean at the boundary, zero far from it."""
        rank = margin.argsort(1).argsort(1) / margin.shape[1]
        wrong = torch.rand(labels.shape, generator=generator) < (2 * rate[:, None] * (1 - rank)).clamp(
            max=_most(classes)
        )
        return torch.where(wrong, _others(generator, labels, classes), labels)


@dataclass(frozen=True)
class AnyOf:
    """Each task has one of several kinds of noise, all equally likely."""

    kinds: tuple[LabelNoise, ...]

    def __str__(self) -> str:
        return "mixed"

    def __call__(
        self, generator: torch.Generator, labels: Tensor, margin: Tensor, rate: Tensor, classes: int
    ) -> Tensor:
        """By the task's own kind."""
        each = torch.stack([kind(generator, labels, margin, rate, classes) for kind in self.kinds])
        chosen = torch.randint(len(self.kinds), (len(labels),), generator=generator)
        return each[chosen, torch.arange(len(labels))]


def _most(classes: int) -> float:
    """The highest rate at which the true class is still the most likely label by a clear margin."""
    return 0.9 * (classes - 1) / classes


def _others(generator: torch.Generator, labels: Tensor, classes: int) -> Tensor:
    """For each point a class other than its own."""
    return (labels + torch.randint(1, classes, labels.shape, generator=generator)) % classes

"""Classes of real tables: their own, and those of a random network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ml3zoo.errors import DataError
from ml3zoo.tasks.tables.dealing import TableSource
from ml3zoo.tasks.tables.read import read_table


@dataclass(frozen=True)
class ClassSource(TableSource):
    """Rows of tables with their classes.

    Attributes:
        classes: their number.
    """

    classes: int

    @property
    def outputs(self) -> int:
        """A logit for each class."""
        return self.classes


@dataclass(frozen=True)
class TableMixture(ClassSource):
    """Tables with their own targets.

    A table with more classes than ``classes`` has them merged at random into that many; one whose target is a number
    has it cut into that many classes of equal size. So no class is ever missing, and signals that count classes are
    exact.
    """

    def __str__(self) -> str:
        if len(self.tables) == 1:
            return self.tables[0].partition(":")[2].replace("_", " ")
        return f"{len(self.tables)} real tables, {self.classes} classes"

    def _read(self, name: str) -> tuple[Tensor, Tensor]:
        return _labelled(name, self.classes)

    def _target(self, generator: torch.Generator, x: Tensor, target: Tensor, rows: Tensor) -> Tensor:
        return _merge(generator, target, self.classes)[rows]


@dataclass(frozen=True)
class UnevenTables(TableMixture):
    """Tables with their own targets, but numbers are cut into classes of random sizes, drawn anew in each task.

    Attributes:
        unevenness: standard deviation of the logarithm of a class's size.
    """

    unevenness: float = 0.8

    def _read(self, name: str) -> tuple[Tensor, Tensor]:
        table = read_table(name)
        return super()._read(name) if table.classes else (table.features, table.target)

    def _target(self, generator: torch.Generator, x: Tensor, target: Tensor, rows: Tensor) -> Tensor:
        if not target.is_floating_point():
            return super()._target(generator, x, target, rows)
        shares = (self.unevenness * torch.randn(self.classes, generator=generator)).softmax(0)
        labels = _cut(target, shares.cumsum(0)[:-1])
        if not labels.bincount(minlength=self.classes).all():
            labels = _cut(target, torch.arange(1, self.classes) / self.classes)
        return labels[rows]


@dataclass(frozen=True)
class TaughtTables(ClassSource):
    """Inputs of tables, classified by a random network of one hidden layer; each task has its own.

    Attributes:
        hidden: the layer's size.
        scale: standard deviation of what enters the layer: boundaries are nearly linear below 1.
        unevenness: standard deviation of what each class has added to its scores, which are of scale 1; above zero, a
            class may have no row.
    """

    hidden: int = 12
    scale: float = 1.5
    unevenness: float = 0.0

    def __str__(self) -> str:
        return f"random teachers on {len(self.tables)} real tables, {self.classes} classes"

    def _read(self, name: str) -> tuple[Tensor, Tensor]:
        table = read_table(name)
        return table.features, table.target

    def _target(self, generator: torch.Generator, x: Tensor, target: Tensor, rows: Tensor) -> Tensor:
        first = torch.randn(x.shape[1], self.hidden, generator=generator) * self.scale / math.sqrt(x.shape[1])
        scores = torch.tanh(x @ first) @ torch.randn(self.hidden, self.classes, generator=generator)
        scores = (scores - scores.mean(0)) / scores.std(0).clamp_min(1e-6)
        if self.unevenness:
            scores = scores + self.unevenness * torch.randn(self.classes, generator=generator)
        return scores.argmax(1)


@cache
def _labelled(name: str, classes: int) -> tuple[Tensor, Tensor]:
    """A table's inputs and classes, at least as many as asked for; a number is cut into exactly that many."""
    table = read_table(name)
    labels, found = table.target, table.classes
    if not table.classes:
        labels = _cut(table.target, torch.arange(1, classes) / classes)
        found = int(labels.bincount().count_nonzero())
    if found < classes:
        raise DataError(
            f"table {name!r} has {found} classes{'' if table.classes else ' of equal size'}: at least {classes} were "
            "expected. Leave it out, or ask for fewer classes."
        )
    return table.features, labels


def _cut(numbers: Tensor, quantiles: Tensor) -> Tensor:
    """Numbers as classes, cut at these quantiles."""
    return torch.bucketize(numbers, numbers.quantile(quantiles))


def _merge(generator: torch.Generator, labels: Tensor, classes: int) -> Tensor:
    """Labels of fewer classes: each old class goes into one of the new, none stays empty."""
    old = int(labels.max()) + 1
    if old == classes:
        return labels
    new = torch.cat([torch.arange(classes), torch.randint(classes, (old - classes,), generator=generator)])
    return new[torch.randperm(old, generator=generator)][labels]

"""Rows of real tables for tasks that are all of one size, so that many networks train side by side."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

_LARGEST_VALIDATION = 6
_LARGEST_TEST = 3


class DealtRows(NamedTuple):
    """Rows of n tasks for one purpose.

    Attributes:
        x: inputs, [n, rows, features].
        target: true classes or numbers, [n, rows].
        distinct: how many of the rows differ, [n]; they come first, and the rest repeats them in their order.
    """

    x: Tensor
    target: Tensor
    distinct: Tensor

    def repeat(self, target: Tensor) -> Tensor:
        """Targets [n, rows] with those of the distinct rows repeated as the rows are."""
        return target.gather(1, torch.arange(target.shape[1]) % self.distinct[:, None])


class DealtTables(NamedTuple):
    """N tasks. Within a task no row is in two parts.

    Attributes:
        train: rows to train on.
        valid: rows to choose runs by.
        test: rows to measure on.
        features: how many inputs of each task are its table's, [n]; the rest is zero.
    """

    train: DealtRows
    valid: DealtRows
    test: DealtRows
    features: Tensor


@dataclass(frozen=True)
class TableSource(ABC):
    """A task is a table, equally likely each, and a random choice of its rows.

    A table with more inputs than ``features`` shows a random choice of them, one with fewer is filled up with zeros.

    Attributes:
        tables: their names, as in :func:`~ml3zoo.tasks.tables.read.read_table`.
        features: number of inputs.
    """

    tables: tuple[str, ...]
    features: int

    @property
    @abstractmethod
    def outputs(self) -> int:
        """How many outputs a network needs."""

    def sample(
        self, generator: torch.Generator, n: int, training: tuple[int, int], validation: int, held_out: int
    ) -> DealtTables:
        """N tasks.

        A small table gives at most a sixth of its rows to validation and a third to testing.

        Args:
            generator: of all randomness.
            n: number of tasks.
            training: rows, log-uniform between these two, as far as the table has them.
            validation: rows.
            held_out: rows for testing.

        Raises:
            DataError: a table's target is not what this source is for.
        """
        tables = [self._read(name) for name in self.tables]
        sizes = (training[1], validation, held_out)
        x = torch.zeros(n, sum(sizes), self.features)
        targets = []
        distinct = torch.empty(n, 3, dtype=torch.int64)
        features = torch.empty(n, dtype=torch.int64)
        for i, k in enumerate(torch.randint(len(tables), (n,), generator=generator).tolist()):
            inputs, target = tables[k]
            wanted = training[0] * (training[1] / training[0]) ** torch.rand((), generator=generator).item()
            parts = _deal(len(inputs), round(wanted), validation, held_out)
            rows = torch.randperm(len(inputs), generator=generator)[: sum(parts)]
            chosen = _show(generator, inputs[rows], self.features)
            filled = _repeat(parts, sizes)
            x[i, :, : chosen.shape[1]] = chosen[filled]
            targets.append(self._target(generator, chosen, target, rows)[filled])
            distinct[i], features[i] = torch.tensor(parts), chosen.shape[1]
        ends = (sizes[0], sizes[0] + sizes[1])
        dealt = zip(
            x.tensor_split(ends, 1), torch.stack(targets).tensor_split(ends, 1), distinct.unbind(1), strict=True
        )
        train, valid, test = (DealtRows(*part) for part in dealt)
        return DealtTables(train, valid, test, features)

    @abstractmethod
    def _read(self, name: str) -> tuple[Tensor, Tensor]:
        """All inputs and targets of a table."""

    @abstractmethod
    def _target(self, generator: torch.Generator, x: Tensor, target: Tensor, rows: Tensor) -> Tensor:
        """Targets of some rows of a table, whose inputs are x [rows, inputs]."""


def _deal(rows: int, training: int, validation: int, held_out: int) -> list[int]:
    """How many rows of a table are for training, validation and testing."""
    valid, test = min(validation, rows // _LARGEST_VALIDATION), min(held_out, rows // _LARGEST_TEST)
    return [min(training, rows - valid - test), valid, test]


def _show(generator: torch.Generator, x: Tensor, features: int) -> Tensor:
    """At most so many of the columns, in their order."""
    if x.shape[1] <= features:
        return x
    return x[:, torch.randperm(x.shape[1], generator=generator)[:features].sort().values]


def _repeat(parts: list[int], sizes: tuple[int, ...]) -> Tensor:
    """Numbers of rows dealt in parts, each part over and over until it is of its size."""
    starts = [sum(parts[:k]) for k in range(len(parts))]
    return torch.cat(
        [start + torch.arange(size) % part for start, part, size in zip(starts, parts, sizes, strict=True)]
    )

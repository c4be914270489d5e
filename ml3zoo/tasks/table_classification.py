"""Classification of real tables as people train on them, with some wrong labels or none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from ml3zoo.tasks.base import Split, Tasks
from ml3zoo.tasks.classification import Classification
from ml3zoo.tasks.label_noise import LabelNoise
from ml3zoo.tasks.optimizees import Optimizee
from ml3zoo.tasks.tables.classes import ClassSource, TableMixture
from ml3zoo.tasks.tables.dealing import DealtRows
from ml3zoo.tasks.tables.lists import MeasuredTable
from ml3zoo.tasks.tables.networks import OnTables


@dataclass(frozen=True, kw_only=True)
class TableClassification(OnTables, Classification):
    """Rows of a real table; test labels are right.

    Attributes:
        noise: how labels for training and validation go wrong.
        rates: each noisy task's rate of wrong labels is uniform between these two.
        clean: share of tasks without wrong labels.
    """

    source: ClassSource
    noise: LabelNoise
    rates: tuple[float, float] = (0.0, 0.6)
    clean: float = 0.0

    @classmethod
    def on(cls, table: MeasuredTable, optimizee: Optimizee, noise: LabelNoise, rates: tuple[float, float]) -> Self:
        """All rows of one table, dealt anew in each task."""
        source = TableMixture((table.name,), table.features, table.classes)
        return cls(source=source, noise=noise, optimizee=optimizee, rates=rates, **cls.rows_of(table))

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x``, ``labels`` for training, the same for validation and, true, for testing.

        ``n_rows`` [n]: how many of the training rows differ; they come first, and the rest repeats them.
        """
        dealt = self.deal(generator, n)
        low, high = self.rates
        noisy = torch.rand(n, generator=generator) >= self.clean
        rate = noisy * (low + (high - low) * torch.rand(n, generator=generator))
        labels, labels_valid = self._noisy(generator, dealt.train, dealt.valid, rate)
        data = {
            "x": dealt.train.x,
            "labels": labels,
            "n_rows": dealt.train.distinct,
            "x_valid": dealt.valid.x,
            "labels_valid": labels_valid,
            "x_test": dealt.test.x,
            "labels_test": dealt.test.target,
        }
        return self.tasks(generator, n, dealt, data)

    def _noisy(
        self, generator: torch.Generator, train: DealtRows, valid: DealtRows, rate: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Labels of both parts, wrong in the same way; a repeated row has the same label each time."""
        labels = torch.cat([train.target, valid.target], 1)
        margin = _margin(torch.cat([train.x, valid.x], 1), labels, self.source.classes)
        found = self.noise(generator, labels, margin, rate, self.source.classes)
        found_train, found_valid = found.tensor_split([train.target.shape[1]], 1)
        return train.repeat(found_train), valid.repeat(found_valid)


def _margin(x: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How much nearer each row is to the mean of its own class than to that of any other, [n, rows]."""
    members = torch.nn.functional.one_hot(labels, classes).to(x.dtype)
    counts = members.sum(1)
    means = members.mT @ x / counts.clamp_min(1)[..., None]
    squares = x.square().sum(-1, keepdim=True) - 2 * x @ means.mT + means.square().sum(-1)[:, None]
    distance = squares.clamp_min(0).sqrt().masked_fill(counts[:, None] == 0, math.inf)
    own = distance.gather(-1, labels[..., None])
    return (distance.scatter(-1, labels[..., None], math.inf).amin(-1, keepdim=True) - own).squeeze(-1)

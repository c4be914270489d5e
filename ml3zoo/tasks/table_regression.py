"""Regression on real tables as people train on them, with noisy training targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.tasks.base import Split, Tasks
from ml3zoo.tasks.optimizees import Optimizee
from ml3zoo.tasks.regression import Regression
from ml3zoo.tasks.tables.dealing import DealtRows
from ml3zoo.tasks.tables.lists import MeasuredTable
from ml3zoo.tasks.tables.networks import OnTables
from ml3zoo.tasks.tables.numbers import TableNumbers

TargetNoise = Callable[[torch.Generator, Tensor], Tensor]
"""What to add to targets of standard deviation 1 for inputs [tasks, points, features]; [tasks, points]."""


@dataclass(frozen=True, kw_only=True)
class TableRegression(OnTables, Regression):
    """Rows of a real table; test targets are without noise.

    Targets are standardised as people do it: by the mean and the standard deviation of the noisy training targets.

    Attributes:
        noise: on targets for training and validation.
    """

    source: TableNumbers
    noise: TargetNoise

    @classmethod
    def on(cls, table: MeasuredTable, optimizee: Optimizee, noise: TargetNoise) -> TableRegression:
        """All rows of one table, dealt anew in each task."""
        source = TableNumbers((table.name,), table.features)
        return cls(source=source, noise=noise, optimizee=optimizee, **cls.rows_of(table))

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x`` and ``y`` [n, points, 1] for training, the same for validation and, clean, for testing.

        ``n_rows`` [n]: how many of the training rows differ; they come first, and the rest repeats them.
        """
        dealt = self.deal(generator, n)
        y, y_valid = self._noisy(generator, dealt.train, dealt.valid)
        first = torch.arange(y.shape[1]) < dealt.train.distinct[:, None]
        middle = (y * first).sum(1, keepdim=True) / first.sum(1, keepdim=True)
        scale = (((y - middle) * first).square().sum(1, keepdim=True) / (first.sum(1, keepdim=True) - 1)).sqrt()
        data = {"x": dealt.train.x, "x_valid": dealt.valid.x, "x_test": dealt.test.x, "n_rows": dealt.train.distinct}
        for name, target in (("y", y), ("y_valid", y_valid), ("y_test", dealt.test.target)):
            data[name] = ((target - middle) / scale.clamp_min(1e-6))[..., None]
        return self.tasks(generator, n, dealt, data)

    def _noisy(self, generator: torch.Generator, train: DealtRows, valid: DealtRows) -> tuple[Tensor, Tensor]:
        """Targets of both parts with noise of the same kind; a repeated row has the same target each time."""
        clean = torch.cat([train.target, valid.target], 1)
        noisy = clean + self.noise(generator, torch.cat([train.x, valid.x], 1))
        found, found_valid = noisy.tensor_split([train.target.shape[1]], 1)
        return train.repeat(found), valid.repeat(found_valid)

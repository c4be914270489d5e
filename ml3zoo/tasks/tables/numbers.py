"""Numbers of real tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from ml3zoo.errors import DataError
from ml3zoo.tasks.tables.dealing import TableSource
from ml3zoo.tasks.tables.read import read_table


@dataclass(frozen=True)
class TableNumbers(TableSource):
    """Tables whose targets are numbers; of mean 0 and standard deviation 1 over each table."""

    def __str__(self) -> str:
        if len(self.tables) == 1:
            return self.tables[0].partition(":")[2].replace("_", " ")
        return f"{len(self.tables)} real tables"

    @property
    def outputs(self) -> int:
        """The number."""
        return 1

    def _read(self, name: str) -> tuple[Tensor, Tensor]:
        return _standardised(name)

    def _target(self, generator: torch.Generator, x: Tensor, target: Tensor, rows: Tensor) -> Tensor:
        return target[rows]


@cache
def _standardised(name: str) -> tuple[Tensor, Tensor]:
    table = read_table(name)
    if table.classes:
        raise DataError(
            f"table {name!r} has {table.classes} classes: a number as the target was expected. Name a column of "
            "numbers after it, as in 'keel:texture/3'."
        )
    return table.features, (table.target - table.target.mean()) / table.target.std()

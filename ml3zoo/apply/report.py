"""What every comparison reports, on a table and in an environment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ml3zoo.apply.verdict import Difference


@dataclass(frozen=True, kw_only=True)
class Report(ABC):
    """What a comparison found.

    Attributes:
        name: of the learned loss, as it was asked for.
        steps: of each training, gradient steps if nothing else is said.
        seeds: trainings per method.
        optimizer: of training under the learned loss.
        baseline: label of the method that the learned loss is compared with.
        difference: learned loss minus baseline, paired over seeds.
        verdict: the same in a sentence.
    """

    name: str
    steps: int
    seeds: int
    optimizer: str
    baseline: str
    difference: Difference
    verdict: str

    @abstractmethod
    def lines(self) -> list[str]:
        """The report as text, a line each."""

    def as_dict(self) -> dict[str, Any]:
        """The report as JSON values: lists, where ``msgspec.to_builtins`` would leave tuples."""
        values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return values


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows of a table as text, a line each, its columns as wide as their longest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

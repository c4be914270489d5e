"""What every comparison reports, on a table and in an environment."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import msgspec

from ml3zoo.apply.verdict import Difference


@dataclass(frozen=True, kw_only=True)
class Report(ABC):
    """What a comparison found.

    Attributes:
        name: of the learned loss, as it was asked for.
        steps: gradient steps of each training.
        optimizer: of training under the learned loss.
        baseline: label of the method that the learned loss is compared with.
        difference: learned loss minus baseline, paired over runs.
        verdict: the same in a sentence.
    """

    name: str
    steps: int
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

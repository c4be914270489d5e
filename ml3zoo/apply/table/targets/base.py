"""What every kind of problem tells of the column to predict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ml3zoo.format.signals import ProblemType

Values = NDArray[Any]
"""The values of a target, [rows], missing ones as pandas knows them."""
Rows = NDArray[np.int64]
"""Numbers of rows, from 0."""


class Target(ABC):
    """A column to predict, encoded by what the training rows say.

    Attributes:
        problem_type: of the problem that it poses.
        wanted: what each of its rows should hold.
        how_to_use: how a prediction comes from a network's outputs, a sentence about ``described()``.
    """

    problem_type: ClassVar[ProblemType]
    wanted: ClassVar[str]
    how_to_use: ClassVar[str]

    @classmethod
    @abstractmethod
    def read(cls, column: Any, what: str) -> Values:
        """The values of a column of a data frame.

        Args:
            column: as pandas read it.
            what: its name in messages.

        Raises:
            DataError: it holds something else.
        """

    @classmethod
    @abstractmethod
    def strata(cls, values: Values) -> Rows:
        """The stratum of each row, [rows]: every part of the table gets its share of each."""

    @classmethod
    @abstractmethod
    def fit(cls, values: Values, training: Rows, what: str) -> Self:
        """The encoding of a column.

        Args:
            values: of all rows to learn from, none missing.
            training: which of them are training rows.
            what: the column's name in messages.

        Raises:
            DataError: nothing can be learned from it.
        """

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Outputs of a network that predicts it."""

    @abstractmethod
    def encode(self, values: Values, what: str) -> Tensor:
        """Values as the target of a loss, [rows, ...].

        Raises:
            DataError: a value has no code.
        """

    @abstractmethod
    def decode(self, output: Tensor) -> Values:
        """What a network's outputs [..., rows, outputs] predict, in the column's own terms, [..., rows]."""

    @abstractmethod
    def described(self) -> dict[str, Any]:
        """JSON values: the encoding, to be saved with the network."""

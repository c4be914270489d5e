"""The column to predict: what every problem type says about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ml3zoo.apply.table.written_numbers import Decimal
from ml3zoo.format.signals import ProblemType

Values = NDArray[Any]
"""The values of a target, [rows]; missing ones as in pandas."""
Rows = NDArray[np.int64]
"""Numbers of rows, from 0."""


class Target(ABC):
    """A column to predict and its encoding, fitted on the training rows. Its fields are saved with the network.

    Attributes:
        problem_type: of predicting it.
        value: what each of its rows should hold, in words.
        how_to_use: from a network's outputs to a prediction, in words that name the fields.
    """

    problem_type: ClassVar[ProblemType]
    value: ClassVar[str]
    how_to_use: ClassVar[str]

    @classmethod
    @abstractmethod
    def read(cls, column: Any, what: str, decimal: Decimal = ".") -> Values:
        """The values of a column of a data frame.

        Args:
            column: as it is in the file.
            what: its name in messages.
            decimal: the file's decimal mark.

        Raises:
            DataError: it holds something else.
        """

    @classmethod
    @abstractmethod
    def strata(cls, values: Values) -> Rows:
        """The stratum of each row, [rows]: every part of the table gets its share of each stratum."""

    @classmethod
    @abstractmethod
    def fit(cls, values: Values, training: Rows, what: str) -> Self:
        """The encoding of a column.

        Args:
            values: of all rows to learn from, none missing.
            training: which of them are training rows.
            what: the column's name in messages.

        Raises:
            DataError: there is nothing to learn.
        """

    def doubts(self, values: Values, what: str) -> list[str]:
        """Why the column may be meant for another problem type, a sentence each.

        Args:
            values: of all rows, none missing.
            what: the column's name in messages.
        """
        return []

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Outputs of a network that predicts it."""

    @abstractmethod
    def encode(self, values: Values, what: str) -> Tensor:
        """Values as the target of a loss, [rows, ...].

        Raises:
            DataError: a value is unknown to the encoding.
        """

    def known(self, y: Tensor) -> dict[str, Tensor]:
        """What a loss may be told of all encoded targets to train on [rows, ...], by the name of its argument."""
        return {}

    @abstractmethod
    def decode(self, output: Tensor) -> Values:
        """From a network's outputs [..., rows, outputs] to values as in the column, [..., rows]."""

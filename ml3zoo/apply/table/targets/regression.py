"""Numbers as a target: standardised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from ml3zoo.apply.table.preparation import check_range, is_constant, is_numeric
from ml3zoo.apply.table.targets.base import Rows, Target, Values
from ml3zoo.errors import DataError
from ml3zoo.format.problem_types import regression


@dataclass(frozen=True)
class NumericTarget(Target):
    """Numbers, encoded as [rows, 1] with mean 0 and standard deviation 1 over the training rows.

    Attributes:
        mean: of the training rows, in the column's own units.
        std: the same.
    """

    mean: float
    std: float
    problem_type: ClassVar = regression.PROBLEM_TYPE
    value = "finite value"
    how_to_use = "The prediction is the output * target.std + target.mean."

    @classmethod
    def read(cls, column: Any, what: str) -> Values:
        """Numbers of any type, also written as text; infinite ones count as missing."""
        import pandas as pd

        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        types = pd.api.types
        if not (is_numeric(column) or types.is_object_dtype(column) or types.is_string_dtype(column)):
            raise DataError(
                f"{what} holds {column.dtype}, numbers were expected: a regression loss needs them. Name "
                "another column or turn this one into numbers, for example days since a date."
            )
        numbers = pd.to_numeric(column, errors="coerce")
        text = column[numbers.isna() & column.notna()]
        if len(text):
            raise DataError(
                f"{what} is not numeric, for example {str(text.iloc[0])[:40]!r} in row {text.index[0] + 1}: a "
                "regression loss needs numbers. Correct or empty the cell, name another column or encode this one."
            )
        values = numbers.to_numpy(dtype=np.float64, na_value=np.nan)
        check_range(values, what)
        return np.where(np.isfinite(values), values, np.nan)

    @classmethod
    def strata(cls, values: Values) -> Rows:
        """All rows in one stratum."""
        return np.zeros(len(values), dtype=np.int64)

    @classmethod
    def fit(cls, values: Values, training: Rows, what: str) -> Self:
        """Mean and standard deviation of the training rows, which must differ."""
        mean, std = float(values[training].mean()), float(values[training].std())
        if is_constant(mean, std):
            raise DataError(f"{what} is constant ({mean:g}) in the training rows: nothing to learn.")
        return cls(mean, std)

    @property
    def outputs(self) -> int:
        """One."""
        return 1

    def encode(self, values: Values, what: str) -> Tensor:
        """Standardised numbers, [rows, 1]."""
        return torch.tensor(((values - self.mean) / self.std)[:, None], dtype=torch.float32)

    def decode(self, output: Tensor) -> Values:
        """Numbers in the column's own units."""
        return output.squeeze(-1).double().numpy() * self.std + self.mean

"""Numbers as a target: standardised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from ml3zoo.apply.table.columns import MISSING_MARKS, check_range, is_numeric, missing_option
from ml3zoo.apply.table.preparation import is_constant
from ml3zoo.apply.table.targets.base import Rows, Target, Values
from ml3zoo.apply.table.written_numbers import Decimal, check_marks, numbers_in
from ml3zoo.errors import DataError
from ml3zoo.format.problem_types import regression

_MOST_CLASSES = 10
"""Up to so many different whole numbers may be classes."""


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
    def read(cls, column: Any, what: str, decimal: Decimal = ".") -> Values:
        """Numbers of any type, also written as text, true as 1; infinite ones count as missing."""
        import pandas as pd

        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        types = pd.api.types
        if not (is_numeric(column) or types.is_object_dtype(column) or types.is_string_dtype(column)):
            raise DataError(
                f"{what} holds {column.dtype}, numbers were expected: a regression loss needs them. Name "
                "another column or turn this one into numbers, for example days since a date."
            )
        if types.infer_dtype(column, skipna=True) == "boolean":
            column = column.astype("boolean").astype("Int64")
        numbers = pd.to_numeric(column, errors="coerce") if is_numeric(column) else _from_text(column, decimal)
        text = column[numbers.isna() & column.notna()].astype(str)
        text = text[text.str.lower() != "nan"]
        if len(text):
            check_marks(column.dropna().astype(str), what)
            marks = [*dict.fromkeys(text)]
            missing = all(mark.lower() in MISSING_MARKS for mark in marks)
            instead = f"If that means a missing value, add {missing_option(marks)}; else c" if missing else "C"
            raise DataError(
                f"{what} is not numeric, for example {text.iloc[0][:40]!r} in row {text.index[0] + 1}: a "
                f"regression loss needs numbers. {instead}orrect or empty the cell, name another column or encode this "
                "one."
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
            raise DataError(
                f"{what} is constant ({mean:g}) in the training rows: nothing to learn. Name another column."
            )
        return cls(mean, std)

    def doubts(self, values: Values, what: str) -> list[str]:
        """Few different whole numbers may be classes."""
        found = np.unique(values)
        if len(found) > min(_MOST_CLASSES, len(values) / 10) or (found % 1 != 0).any():
            return []
        return [
            f"{what} holds only {', '.join(f'{value:g}' for value in found)}. If these are classes, take a "
            "classification loss: ml3zoo list --problem-type classification"
        ]

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


def _from_text(column: Any, decimal: Decimal) -> Any:
    """Numbers written as text, true as 1, NaN where there is none."""
    import pandas as pd

    known = column.dropna().astype(str)
    truth = known.str.lower().map({"true": 1.0, "false": 0.0})
    numbers = truth if truth.notna().all() else numbers_in(known, decimal)[0]
    return numbers.reindex(column.index).astype(float) if len(known) else pd.Series(np.nan, column.index)

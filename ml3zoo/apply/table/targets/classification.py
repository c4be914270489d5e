"""Classes as a target: numbered in the order of their names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from ml3zoo.apply.files.listing import listed
from ml3zoo.apply.table.columns import numbers, texts
from ml3zoo.apply.table.targets.base import Rows, Target, Values
from ml3zoo.apply.table.written_numbers import Decimal, numbers_in
from ml3zoo.errors import DataError, did_you_mean
from ml3zoo.format.problem_types import classification

MOST_CLASSES = 100


@dataclass(frozen=True)
class ClassTarget(Target):
    """Classes, encoded as whole numbers from 0, [rows]. A class is known by its value as text.

    Attributes:
        classes: their names, in the order of a network's outputs: by size if all are whole numbers.
    """

    classes: tuple[str, ...]
    problem_type: ClassVar = classification.PROBLEM_TYPE
    value = "class"
    how_to_use = (
        "The outputs are logits, one per class in the order of target.classes: the predicted class is that of the "
        "largest output (argmax), and the softmax of the outputs gives probabilities."
    )

    @classmethod
    def read(cls, column: Any, what: str, decimal: Decimal = ".") -> Values:
        """Text as it is, booleans, whole numbers or categories of these, as text: the number 1.0 is the class 1."""
        import pandas as pd

        column = column.astype(object).infer_objects() if _is_boxed(column) else column
        values = numbers(column) if pd.api.types.is_float_dtype(column) else _amounts(texts(column), decimal)
        if values is None:
            text: Values = texts(column).to_numpy(dtype=object)
            return text
        finite = values[np.isfinite(values)]
        fractions = finite[finite % 1 != 0]
        if len(fractions):
            raise DataError(
                f"{what} holds numbers with fractions, for example {fractions[0]:g}: a classification loss needs "
                "classes (text, booleans or whole numbers). Name another column, sort these numbers into classes, or "
                "take a regression loss: ml3zoo list --problem-type regression"
            )
        return np.array([str(int(value)) if np.isfinite(value) else None for value in values], dtype=object)

    @classmethod
    def strata(cls, values: Values) -> Rows:
        """One per class."""
        strata: Rows = np.unique(values.astype(str), return_inverse=True)[1]
        return strata

    @classmethod
    def fit(cls, values: Values, training: Rows, what: str) -> Self:
        """The classes of all rows: two or more, not too many, each among the training rows."""
        rows, names = len(values), _in_order(set(values))
        if len(names) == 1:
            raise DataError(f"{what} is {names[0][:40]!r} in all {rows} rows: nothing to learn. Name another column.")
        if len(names) > MOST_CLASSES or 2 * len(names) > rows:
            raise DataError(
                f"{what} has {len(names)} different values in {rows} rows; at most {MOST_CLASSES} classes, with two "
                "rows or more to a class on average, were expected. Name a column of classes, merge rare ones, or, if "
                "these are amounts, take a regression loss: ml3zoo list --problem-type regression"
            )
        seen = set(values[training])
        absent = [name for name in names if name not in seen]
        if absent:
            raise DataError(
                f"{what} has classes with no row among the {len(training)} training rows: {listed(absent)}. Each "
                "class must occur in training: add rows of them, merge them with others, or leave them out."
            )
        return cls(names)

    @property
    def outputs(self) -> int:
        """One per class."""
        return len(self.classes)

    def encode(self, values: Values, what: str) -> Tensor:
        """Indices of classes, int64."""
        index = {name: k for k, name in enumerate(self.classes)}
        unknown = _in_order(set(values) - index.keys())
        if unknown:
            raise DataError(
                f"{what} has classes that no row to train on has: {listed(unknown)}; expected were "
                f"{listed(self.classes)}.{did_you_mean(unknown[0], self.classes)} Correct them, leave these rows "
                "out, or add rows of them to the table to train on."
            )
        return torch.tensor([index[value] for value in values])

    def known(self, y: Tensor) -> dict[str, Tensor]:
        """How many rows each class has, [classes]."""
        return {"class_counts": y.bincount(minlength=len(self.classes))}

    def decode(self, output: Tensor) -> Values:
        """Names of the classes with the largest output."""
        predicted: Values = np.array(self.classes, dtype=object)[output.argmax(-1).numpy()]
        return predicted


def _is_boxed(column: Any) -> bool:
    """Whether the column's type hides the type of its values."""
    import pandas as pd

    return isinstance(column.dtype, pd.CategoricalDtype) or pd.api.types.is_object_dtype(column)


def _amounts(text: Any, decimal: Decimal) -> Values | None:
    """The numbers of a column of text if some have fractions, or all are whole and written as 1.0; None if not."""
    known = text.dropna()
    found = numbers_in(text, decimal)[0]
    amounts = found[known.index].notna().all() and (found[known.index] % 1 != 0).any()
    if known.empty or not (amounts or known.str.fullmatch(r"-?\d+\.0").all()):
        return None
    values: Values = found.to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    ordered = sorted(names)
    try:
        return tuple(sorted(ordered, key=int))
    except ValueError:
        return tuple(ordered)

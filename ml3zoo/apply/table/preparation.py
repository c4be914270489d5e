"""A table's columns -> the inputs of a network, by a scikit-learn pipeline fitted on the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ml3zoo.apply.table.columns import Columns, Kind
from ml3zoo.apply.wording import counted

Array = NDArray[np.float64]
MOST_INPUTS = 32
"""The most inputs that one column of text gives."""


@dataclass(frozen=True)
class NumericColumn:
    """One input, ``(value - mean) / scale``; the median replaces missing and infinite values.

    ``kind``: what a value is: a number, whether something is true, or a date.
    """

    name: str
    kind: Kind
    median: float
    mean: float
    scale: float

    @property
    def size(self) -> str:
        """How many inputs it gives, if it is not one."""
        return ""


@dataclass(frozen=True)
class TextColumn:
    """One input per category, 1 where the value is that category; ``fill`` replaces missing values.

    ``others``: whether there is one more input, 1 where the value is none of the categories.
    """

    name: str
    fill: str
    categories: tuple[str, ...]
    others: bool

    kind: ClassVar[Kind] = "text"

    @property
    def size(self) -> str:
        """How many inputs it gives: one per category, and one for the others."""
        return counted(len(self.categories) + self.others, "input")


Column = NumericColumn | TextColumn


def prepare(columns: Columns, training: NDArray[np.int64]) -> tuple[tuple[Column, ...], Array]:
    """Impute, scale and encode columns, fitted on the training rows, where each has a value.

    Args:
        columns: the features, at least one.
        training: numbers of the training rows.

    Returns:
        The columns, numeric ones first, and the inputs, [rows, inputs].
    """
    import pandas as pd

    clean = pd.DataFrame({name: column.values for name, column in columns.items()}).replace([np.inf, -np.inf], np.nan)
    text = [name for name, column in columns.items() if column.is_text]
    numeric = {name: column.kind for name, column in columns.items() if not column.is_text}
    transformer = _transformer([*numeric], text).fit(clean.iloc[training])
    return _described(transformer, numeric, text), np.asarray(transformer.transform(clean), dtype=np.float64)


def is_constant(mean: float, std: float) -> bool:
    """Whether numbers differ by no more than rounding."""
    return std <= 1e-12 * max(abs(mean), 1e-300)


def _transformer(numeric: list[str], text: list[str]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_INPUTS, sparse_output=False)
    return ColumnTransformer(
        [
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("text", make_pipeline(SimpleImputer(strategy="most_frequent"), encoder), text),
        ]
    )


def _described(transformer: Any, numeric: dict[str, Kind], text: list[str]) -> tuple[Column, ...]:
    """The fitted pipeline as plain numbers and texts, to be saved with the network."""
    columns: list[Column] = []
    if numeric:
        imputer, scaler = (step for _, step in transformer.named_transformers_["numeric"].steps)
        fitted = zip(numeric.items(), imputer.statistics_, scaler.mean_, scaler.scale_, strict=True)
        columns += [NumericColumn(name, kind, float(a), float(b), float(c)) for (name, kind), a, b, c in fitted]
    if text:
        imputer, encoder = (step for _, step in transformer.named_transformers_["text"].steps)
        rare = encoder.infrequent_categories_
        for name, fill, categories, others in zip(text, imputer.statistics_, encoder.categories_, rare, strict=True):
            few = set() if others is None else set(others)
            common = tuple(str(category) for category in categories if category not in few)
            columns.append(TextColumn(name, str(fill), common, others is not None))
    return tuple(columns)

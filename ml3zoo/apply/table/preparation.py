"""A table's columns -> the inputs of a network, by a scikit-learn pipeline fitted on the training rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml3zoo.errors import DataError

Array = NDArray[np.float64]
LARGEST = 1e100
"""The largest number that a table may hold: its square must still be finite."""
MOST_INPUTS = 32
"""The most inputs that one column of text gives."""
_MISTYPED = 0.1
"""Up to this share, texts among numbers are taken for mistakes."""


@dataclass(frozen=True)
class NumericColumn:
    """One input, ``(value - mean) / scale``; the median replaces missing and infinite values."""

    name: str
    median: float
    mean: float
    scale: float


@dataclass(frozen=True)
class TextColumn:
    """One input per category, 1 where the value is that category; ``fill`` replaces missing values.

    ``others``: whether there is one more input, 1 where the value is none of the categories.
    """

    name: str
    fill: str
    categories: tuple[str, ...]
    others: bool


Column = NumericColumn | TextColumn


def prepare(frame: Any, training: NDArray[np.int64]) -> tuple[tuple[Column, ...], Array]:
    """Impute, scale and encode the columns of a data frame, fitted on its training rows.

    Args:
        frame: the features.
        training: numbers of the training rows.

    Returns:
        The columns, numeric ones first, and the inputs, [rows, inputs].

    Raises:
        DataError: no column is usable, a number is out of range, or a column of numbers holds some text.
    """
    import pandas as pd

    numeric = {name: numbers(frame[name]) for name in frame.columns if is_numeric(frame[name])}
    text = {name: texts(frame[name]) for name in frame.columns if name not in numeric}
    for name, values in numeric.items():
        check_range(values, f"column {name!r}")
    for name, values in text.items():
        _check_mistyped(values, f"column {name!r}")
    clean = pd.DataFrame(numeric | text).replace([np.inf, -np.inf], np.nan)
    usable = [name for name in clean.columns if clean[name].iloc[training].notna().any()]
    if not usable:
        raise DataError("no usable feature column: every column but the target is empty. Add features to the table.")
    numbers_in, texts_in = ([name for name in part if name in usable] for part in (numeric, text))
    transformer = _transformer(numbers_in, texts_in).fit(clean[usable].iloc[training])
    columns = _described(transformer, numbers_in, texts_in)
    return columns, np.asarray(transformer.transform(clean[usable]), dtype=np.float64)


def is_numeric(column: Any) -> bool:
    """Whether a column of a data frame holds real numbers or booleans."""
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)


def numbers(column: Any) -> Array:
    """The values of a numeric column, [rows], NaN where missing."""
    values: Array = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def texts(column: Any) -> Any:
    """The values of a column as text, NaN where missing."""
    return column.astype(object).map(str, na_action="ignore").where(column.notna(), np.nan).astype(object)


def check_range(values: Array, what: str) -> None:
    """See that no number is too large to compute with; infinite ones count as missing.

    Raises:
        DataError: one is.
    """
    finite = values[np.isfinite(values)]
    beyond = finite[np.abs(finite) > LARGEST]
    if len(beyond):
        raise DataError(
            f"{what} holds {beyond[0]:g}, out of range: numbers up to {LARGEST:g} were expected. "
            "Rescale the column or correct the value."
        )


def _check_mistyped(column: Any, what: str) -> None:
    """See that a column of text is not a column of numbers with a few mistyped.

    Raises:
        DataError: it is.
    """
    import pandas as pd

    known = column[column.notna()]
    strange = known[pd.to_numeric(known, errors="coerce").isna()]
    if 0 < len(strange) <= _MISTYPED * len(known):
        raise DataError(
            f"{what} holds numbers in {len(known) - len(strange)} rows and text in {len(strange)}, such as "
            f"{strange.iloc[0][:40]!r} in row {strange.index[0] + 1}; numbers alone were expected, or text alone. "
            "Correct or empty those cells, or, if all are names, put a letter before the numbers."
        )


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


def _described(transformer: Any, numeric: list[str], text: list[str]) -> tuple[Column, ...]:
    """The fitted pipeline as plain numbers and texts, to be saved with the network."""
    columns: list[Column] = []
    if numeric:
        imputer, scaler = (step for _, step in transformer.named_transformers_["numeric"].steps)
        fitted = zip(numeric, imputer.statistics_, scaler.mean_, scaler.scale_, strict=True)
        columns += [NumericColumn(str(name), float(a), float(b), float(c)) for name, a, b, c in fitted]
    if text:
        imputer, encoder = (step for _, step in transformer.named_transformers_["text"].steps)
        rare = encoder.infrequent_categories_
        for name, fill, categories, others in zip(text, imputer.statistics_, encoder.categories_, rare, strict=True):
            few = set() if others is None else set(others)
            common = tuple(str(category) for category in categories if category not in few)
            columns.append(TextColumn(str(name), str(fill), common, others is not None))
    return tuple(columns)

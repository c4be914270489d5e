"""A CSV or Parquet file -> standardised tensors for training a network on one of its columns."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml3zoo.errors import DataError, MissingExtraError, did_you_mean
from ml3zoo.preparation import Column, check_range, is_constant, prepare
from ml3zoo.tasks.base import Split

MIN_ROWS = 10
SHARES: dict[Split, float] = {"train": 0.6, "valid": 0.2, "test": 0.2}


@dataclass(frozen=True)
class Table:
    """A table ready for training, features and target standardised by its training rows.

    Attributes:
        x: features of each part, [rows, features].
        y: target of each part, [rows, 1].
        columns: how the features were made, in their order.
        index: row numbers of each part in the file, from 0.
        mean: of the target on the training rows, in its own units.
        std: likewise.
        dropped: rows left out because their target is missing.
    """

    x: dict[Split, Tensor]
    y: dict[Split, Tensor]
    columns: tuple[Column, ...]
    index: dict[Split, list[int]]
    mean: float
    std: float
    dropped: int

    @property
    def rows(self) -> int:
        """Rows in use."""
        return sum(len(part) for part in self.y.values())

    @property
    def features(self) -> int:
        """Features after encoding."""
        return self.x["train"].shape[1]


def read_table(data: Path, target: str, *, seed: int = 0) -> Table:
    """Read a table and prepare it: impute, scale and encode by what the training rows say.

    Args:
        data: a ``.csv`` or ``.parquet`` file.
        target: name of the column to predict.
        seed: of the split into 60 % train, 20 % valid, 20 % test.

    Raises:
        DataError: the file or the column cannot be learned from.
        MissingExtraError: pandas or scikit-learn is not installed.
    """
    frame = _read_frame(data)
    if target not in frame.columns:
        known = [str(name) for name in frame.columns]
        shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise DataError(f"{data} has no column {target!r}; it has {shown}.{did_you_mean(target, known)}")
    values = _numbers(frame[target], target)
    check_range(values, f"target {target!r}")
    kept = np.flatnonzero(np.isfinite(values))
    if not len(kept) and len(values):
        raise DataError(f"target {target!r} has no finite value in any of {len(values)} rows. Name another column.")
    if len(kept) < MIN_ROWS:
        rows = f"{len(kept)} row" + ("" if len(kept) == 1 else "s")
        raise DataError(f"{data} has {rows} with a target; at least {MIN_ROWS} are needed. Collect more data.")
    shuffled = kept[np.random.default_rng(seed).permutation(len(kept))]
    ends = np.cumsum([round(SHARES["train"] * len(kept)), round(SHARES["valid"] * len(kept))])
    index = dict(zip(SHARES, np.split(shuffled, ends), strict=True))
    mean, std = float(values[index["train"]].mean()), float(values[index["train"]].std())
    if is_constant(mean, std):
        raise DataError(f"target {target!r} is constant ({mean:g}) in the training rows: nothing to learn.")
    columns, inputs = prepare(frame.drop(columns=target), index["train"])
    y = ((values - mean) / std)[:, None]
    return Table(
        x={split: torch.tensor(inputs[rows], dtype=torch.float32) for split, rows in index.items()},
        y={split: torch.tensor(y[rows], dtype=torch.float32) for split, rows in index.items()},
        columns=columns,
        index={split: rows.tolist() for split, rows in index.items()},
        mean=mean,
        std=std,
        dropped=len(values) - len(kept),
    )


def _read_frame(data: Path) -> Any:
    try:
        import pandas as pd
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Applying a loss to a table", "apply") from error
    ending = data.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise DataError(f"{data} ends in {ending or 'nothing'!r}; .csv or .parquet was expected. Convert it first.")
    if not data.is_file():
        raise DataError(f"no file {data}: a CSV or Parquet file was expected. Is the path right?")
    try:
        if ending == ".csv":
            names = _read_header(data)
            options = {"index_col": False, "low_memory": False, "encoding": "utf-8-sig"}
            frame = pd.read_csv(data, **options) if names else pd.DataFrame()
        else:
            frame = pd.read_parquet(data)
            names = [str(name) for name in frame.columns]
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "apply") from error
    except (ValueError, OSError, csv.Error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        again = "Export it again" + (", as UTF-8." if ending == ".csv" else ".")
        raise DataError(f"{data} cannot be read as {ending[1:]} ({reason}). {again}") from error
    if frame.empty:
        raise DataError(f"{data} is empty: a header and at least {MIN_ROWS} rows were expected.")
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise DataError(f"{data} has more than one column named {', '.join(map(repr, double))}. Rename them.")
    frame.columns = names
    return frame.reset_index(drop=True)


def _read_header(data: Path) -> list[str]:
    """The names of the columns, having seen that every row has as many fields."""
    with data.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        names: list[str] = []
        for row in filter(None, reader):
            names = names or row
            if len(row) != len(names):
                raise DataError(
                    f"line {reader.line_num} of {data} has {len(row)} fields, its header has {len(names)}. A comma at "
                    "the end makes one more field; fields that hold commas need quotes. Correct it and run again."
                )
    return names


def _numbers(column: Any, target: str) -> Any:
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object)
    kinds = pd.api.types
    real = kinds.is_numeric_dtype(column) and not kinds.is_complex_dtype(column)
    if not (real or kinds.is_object_dtype(column) or kinds.is_string_dtype(column)):
        raise DataError(
            f"target {target!r} holds {column.dtype}, numbers were expected: a regression loss needs them. Name "
            "another column or turn this one into numbers, for example days since a date."
        )
    numbers = pd.to_numeric(column, errors="coerce")
    text = column[numbers.isna() & column.notna()]
    if len(text):
        raise DataError(
            f"target {target!r} is not numeric, for example {str(text.iloc[0])[:40]!r}: a regression "
            "loss needs numbers. Name another column or encode this one."
        )
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)

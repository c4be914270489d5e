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
from ml3zoo.tasks.base import Split

MIN_ROWS = 10
SHARES: dict[Split, float] = {"train": 0.6, "valid": 0.2, "test": 0.2}


@dataclass(frozen=True)
class Table:
    """A table ready for training, features and target standardised by its training rows.

    Attributes:
        x: features of each part, [rows, features].
        y: target of each part, [rows, 1].
        index: row numbers of each part in the file, from 0.
        mean: of the target on the training rows, in its own units.
        std: likewise.
        dropped: rows left out because their target is missing.
    """

    x: dict[Split, Tensor]
    y: dict[Split, Tensor]
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
    if not np.isfinite(std) or std <= 1e-12 * max(abs(mean), 1e-300):
        raise DataError(f"target {target!r} is constant ({mean:g}) in the training rows: nothing to learn.")
    x = _encode(frame.drop(columns=target), index)
    y = {
        split: torch.tensor((values[rows] - mean) / std, dtype=torch.float32)[:, None] for split, rows in index.items()
    }
    return Table(x, y, {s: rows.tolist() for s, rows in index.items()}, mean, std, len(values) - len(kept))


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
            with data.open(newline="", encoding="utf-8-sig") as file:
                names = next(csv.reader(file), [])
            frame = pd.read_csv(data, low_memory=False, encoding="utf-8-sig") if names else pd.DataFrame()
        else:
            frame = pd.read_parquet(data)
            names = [str(name) for name in frame.columns]
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "apply") from error
    except (ValueError, OSError, csv.Error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{data} cannot be read as {ending[1:]} ({reason}). Export it again, as UTF-8.") from error
    if frame.empty:
        raise DataError(f"{data} is empty: a header and at least {MIN_ROWS} rows were expected.")
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise DataError(f"{data} has more than one column named {', '.join(map(repr, double))}. Rename them.")
    frame.columns = names
    return frame.reset_index(drop=True)


def _numbers(column: Any, target: str) -> Any:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    text = column[numbers.isna() & column.notna()]
    if len(text):
        raise DataError(
            f"target {target!r} is not numeric, for example {str(text.iloc[0])[:40]!r}: a regression "
            "loss needs numbers. Name another column or encode this one."
        )
    return numbers.to_numpy(dtype=np.float64, na_value=np.nan)


def _encode(frame: Any, index: dict[Split, Any]) -> dict[Split, Tensor]:
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name])]
    columns = {
        name: frame[name].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        if name in numeric
        else frame[name].astype(object).map(str, na_action="ignore").where(frame[name].notna(), np.nan).astype(object)
        for name in frame.columns
    }
    clean = pd.DataFrame(columns).replace([np.inf, -np.inf], np.nan)
    usable = [name for name in clean.columns if clean[name].iloc[index["train"]].notna().any()]
    if not usable:
        raise DataError("no usable feature column: every column but the target is empty. Add features to the table.")
    text = OneHotEncoder(handle_unknown="ignore", max_categories=32, sparse_output=False)
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    transformer = ColumnTransformer(
        [
            ("numeric", numbers, [name for name in usable if name in numeric]),
            (
                "other",
                make_pipeline(SimpleImputer(strategy="most_frequent"), text),
                [n for n in usable if n not in numeric],
            ),
        ]
    )
    transformer.fit(clean[usable].iloc[index["train"]])
    parts = {split: transformer.transform(clean[usable].iloc[rows]) for split, rows in index.items()}
    return {split: torch.tensor(part, dtype=torch.float32) for split, part in parts.items()}

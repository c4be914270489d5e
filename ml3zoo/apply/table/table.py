"""CSV or Parquet files -> tensors for training a network on one of their columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml3zoo.apply.table.frames import MIN_ROWS, read_frame, stacked
from ml3zoo.apply.table.listing import listed
from ml3zoo.apply.table.preparation import Column, prepare
from ml3zoo.apply.table.targets import NumericTarget, Target
from ml3zoo.apply.table.targets.base import Rows, Values
from ml3zoo.errors import DataError, did_you_mean
from ml3zoo.tasks.base import Split

SHARES: dict[Split, float] = {"train": 0.6, "valid": 0.2, "test": 0.2}
SHARES_BESIDE_TEST: dict[Split, float] = {"train": 0.75, "valid": 0.25}


@dataclass(frozen=True)
class Table:
    """A table ready for training, features and target encoded by what its training rows say.

    Attributes:
        x: features of each part, [rows, features].
        y: target of each part as a loss takes it, [rows, ...].
        columns: how the features were made, in their order.
        index: row numbers of each part in its file, from 0.
        target: how the target was encoded.
        truth: the target of the test rows as it is in the file, [rows].
        dropped: rows left out because their target is missing.
    """

    x: dict[Split, Tensor]
    y: dict[Split, Tensor]
    columns: tuple[Column, ...]
    index: dict[Split, list[int]]
    target: Target
    truth: Values
    dropped: int

    @property
    def rows(self) -> int:
        """Rows in use."""
        return sum(len(part) for part in self.y.values())

    @property
    def features(self) -> int:
        """Features after encoding."""
        return self.x["train"].shape[1]


def read_table(
    data: Path, target: str, *, of: type[Target] = NumericTarget, test: Path | None = None, seed: int = 0
) -> Table:
    """Read a table and prepare it: impute, scale and encode by what the training rows say.

    Args:
        data: a ``.csv`` or ``.parquet`` file.
        target: name of the column to predict.
        of: what the column is read as.
        test: another such file with the same columns, whose rows are the test rows.
        seed: of the split into 60 % train, 20 % valid, 20 % test, or 75 % train, 25 % valid if there is a table of
            test rows; each part gets its share of every class.

    Raises:
        DataError: a file cannot be read, the column cannot be learned, or the files do not fit together.
        MissingExtraError: pandas or scikit-learn is not installed.
    """
    what = f"target {target!r}"
    ours = _File.read(data, target, of, what)
    shares = SHARES if test is None else SHARES_BESIDE_TEST
    index = _split(ours.known, of.strata(ours.values[ours.known]), shares, seed)
    encoding = of.fit(ours.values[np.concatenate([*index.values()])], np.arange(len(index["train"])), what)
    y = {split: encoding.encode(ours.values[rows], what) for split, rows in index.items()}
    features, rows_above, dropped = ours.features, dict.fromkeys(index, 0), ours.dropped
    if test is None:
        truth = ours.values[index["test"]]
    else:
        there = f"{what} of {test}"
        theirs = _File.read(test, target, of, there)
        features = stacked(features, theirs.features, data, test)
        index["test"], rows_above["test"] = theirs.known, len(ours.values)
        truth = theirs.values[theirs.known]
        y["test"] = encoding.encode(truth, there)
        dropped += theirs.dropped
    columns, inputs = prepare(features, index["train"])
    return Table(
        x={split: torch.tensor(inputs[rows + rows_above[split]], dtype=torch.float32) for split, rows in index.items()},
        y=y,
        columns=columns,
        index={split: rows.tolist() for split, rows in index.items()},
        target=encoding,
        truth=truth,
        dropped=dropped,
    )


@dataclass(frozen=True)
class _File:
    """A table as read.

    Attributes:
        features: all columns but the target.
        values: of the target, [rows].
        known: rows that have a target.
    """

    features: Any
    values: Values
    known: Rows

    @classmethod
    def read(cls, path: Path, target: str, of: type[Target], what: str) -> _File:
        frame = read_frame(path)
        if target not in frame.columns:
            names = [str(name) for name in frame.columns]
            raise DataError(f"{path} has no column {target!r}; it has {listed(names)}.{did_you_mean(target, names)}")
        import pandas as pd  # read_frame has checked that it is installed

        values = of.read(frame[target], what)
        rows = np.flatnonzero(pd.notna(values))
        if not len(rows) and len(values):
            raise DataError(f"{what} has no {of.value} in any of {len(values)} rows. Name another column.")
        if len(rows) < MIN_ROWS:
            count = f"{len(rows)} row" + ("" if len(rows) == 1 else "s")
            raise DataError(f"{path} has {count} with a target; at least {MIN_ROWS} are needed. Collect more data.")
        return cls(frame.drop(columns=target), values, rows)

    @property
    def dropped(self) -> int:
        """Rows without a target."""
        return len(self.values) - len(self.known)


def _split(rows: Rows, strata: Rows, shares: dict[Split, float], seed: int) -> dict[Split, Rows]:
    """Split rows at random into parts, each with its share of every stratum."""
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled, stratum = rows[order], strata[order]
    counts = np.bincount(stratum)
    first = np.cumsum(counts) - counts
    rank = np.empty_like(stratum)
    rank[np.argsort(stratum, kind="stable")] = np.arange(len(rows)) - np.repeat(first, counts)
    place = (rank + 0.5) / counts[stratum]
    ends = np.cumsum([round(share * len(rows)) for share in shares.values()])[:-1]
    return dict(zip(shares, np.split(shuffled[np.argsort(place, kind="stable")], ends), strict=True))

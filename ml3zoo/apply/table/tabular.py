"""CSV or Parquet files -> tensors for training a network on one of their columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml3zoo.apply.table.frames import MIN_ROWS, read_frame, stacked
from ml3zoo.apply.table.preparation import Column, prepare
from ml3zoo.apply.table.targets import Numbers, Target
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
        truth: the target of the test rows in its own terms, [rows].
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
    data: Path, target: str, *, of: type[Target] = Numbers, test: Path | None = None, seed: int = 0
) -> Table:
    """Read a table and prepare it: impute, scale and encode by what the training rows say.

    Args:
        data: a ``.csv`` or ``.parquet`` file.
        target: name of the column to predict.
        of: kind of target.
        test: another such file with the same columns, whose rows are the test rows.
        seed: of the split into 60 % train, 20 % valid, 20 % test, or 75 % train, 25 % valid beside a table of test
            rows; each part gets its share of every class.

    Raises:
        DataError: a file or the column cannot be learned from, or the files do not fit together.
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
        values: of the target.
        known: rows that have one.
    """

    features: Any
    values: Values
    known: Rows

    @classmethod
    def read(cls, path: Path, target: str, of: type[Target], what: str) -> _File:
        frame = read_frame(path)
        if target not in frame.columns:
            known = [str(name) for name in frame.columns]
            shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            raise DataError(f"{path} has no column {target!r}; it has {shown}.{did_you_mean(target, known)}")
        import pandas as pd  # read_frame has told by now where it is missing

        values = of.read(frame[target], what)
        kept = np.flatnonzero(pd.notna(values))
        if not len(kept) and len(values):
            raise DataError(f"{what} has no {of.wanted} in any of {len(values)} rows. Name another column.")
        if len(kept) < MIN_ROWS:
            rows = f"{len(kept)} row" + ("" if len(kept) == 1 else "s")
            raise DataError(f"{path} has {rows} with a target; at least {MIN_ROWS} are needed. Collect more data.")
        return cls(frame.drop(columns=target), values, kept)

    @property
    def dropped(self) -> int:
        """Rows without a target."""
        return len(self.values) - len(self.known)


def _split(rows: Rows, strata: Rows, shares: dict[Split, float], seed: int) -> dict[Split, Rows]:
    """Rows at random into parts, each with its share of every stratum."""
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled, stratum = rows[order], strata[order]
    counts = np.bincount(stratum)
    first = np.cumsum(counts) - counts
    rank = np.empty_like(stratum)
    rank[np.argsort(stratum, kind="stable")] = np.arange(len(rows)) - np.repeat(first, counts)
    place = (rank + 0.5) / counts[stratum]
    ends = np.cumsum([round(share * len(rows)) for share in shares.values()])[:-1]
    return dict(zip(shares, np.split(shuffled[np.argsort(place, kind="stable")], ends), strict=True))

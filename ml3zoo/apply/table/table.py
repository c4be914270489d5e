"""CSV or Parquet files -> tensors for training a network on one of their columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ml3zoo.apply.table.frames import MIN_ROWS, find_column, read_frame, stacked
from ml3zoo.apply.table.preparation import Column, prepare
from ml3zoo.apply.table.targets import NumericTarget, Target
from ml3zoo.apply.table.targets.base import Rows, Values
from ml3zoo.errors import DataError
from ml3zoo.tasks.base import Split


@dataclass(frozen=True)
class Table:
    """A table ready for training, features and target encoded by what the training rows of its first split say.

    Attributes:
        x: features, [rows, features].
        y: the target as a loss takes it, [rows, ...].
        columns: how the features were made, in their order.
        index: numbers of the rows in their file, from 0, [rows].
        target: how the target was encoded.
        truth: the target as it is in the file, [rows].
        strata: of the rows that are dealt, the first ones; the rest are test rows in every split.
        left_out: rows of the file that are not used, because their target is missing or there are too many.
    """

    x: Tensor
    y: Tensor
    columns: tuple[Column, ...]
    index: Rows
    target: Target
    truth: Values
    strata: Rows
    left_out: LeftOut

    @property
    def rows(self) -> int:
        """Rows in use."""
        return len(self.x)

    @property
    def features(self) -> int:
        """Features after encoding."""
        return self.x.shape[1]

    @property
    def test_rows(self) -> Rows:
        """The test rows of the first split, each once."""
        return np.arange(len(self.strata), self.rows) if self.own_test else self.deal(0)["test"]

    @property
    def own_test(self) -> bool:
        """Whether the test rows are those of a file of their own."""
        return len(self.strata) < self.rows

    def deal(self, seed: int) -> dict[Split, Rows]:
        """Rows of each part in one of many splits; each part gets its share of every class.

        60 % train, 20 % valid, 20 % test. If there is a file of test rows, 75 % train, 25 % valid, and as many test
        rows as the file has, drawn from it with replacement: results then vary as they would on other test rows.
        """
        return _deal(self.strata, self.rows, seed)


class LeftOut(NamedTuple):
    """Rows that are not used: their target is missing, or there are too many."""

    without_target: int
    beyond: int


def read_table(
    data: Path,
    target: str,
    *,
    of: type[Target] = NumericTarget,
    test: Path | None = None,
    most: int | None = None,
) -> Table:
    """Read a table and prepare it: impute, scale and encode by what the training rows of its first split say.

    Args:
        data: a ``.csv`` or ``.parquet`` file.
        target: name of the column to predict.
        of: what the column is read as.
        test: another such file with the same columns, whose rows are the test rows.
        most: of more rows of ``data`` than this, so many are drawn at random, of every class its share.

    Raises:
        DataError: a file cannot be read, the column cannot be learned, or the files do not fit together.
        MissingExtraError: pandas or scikit-learn is not installed.
    """
    what = f"target {target!r}"
    ours = _File.read(data, target, of, what)
    known = ours.known
    strata = of.strata(ours.values[known])
    if most is not None and len(known) > most:
        drawn = np.sort(_shares(strata, (most / len(known), 1.0), 0)[0])
        known, strata = known[drawn], strata[drawn]
    values, features, index = ours.values[known], ours.features, known
    rows = known
    without_target = ours.dropped
    if test is not None:
        there = f"{what} of {test}"
        theirs = _File.read(test, target, of, there)
        features = stacked(features, theirs.features, data, test)
        rows = np.concatenate([known, theirs.known + len(ours.values)])
        index = np.concatenate([known, theirs.known])
        without_target += theirs.dropped
    training = _deal(strata, len(rows), 0)["train"]
    encoding = of.fit(values, training, what)
    y, truth = encoding.encode(values, what), values
    if test is not None:
        there_values = theirs.values[theirs.known]
        y = torch.cat([y, encoding.encode(there_values, there)])
        truth = np.concatenate([values, there_values])
    columns, inputs = prepare(features, rows[training])
    return Table(
        x=torch.tensor(inputs[rows], dtype=torch.float32),
        y=y,
        columns=columns,
        index=index,
        target=encoding,
        truth=truth,
        strata=strata,
        left_out=LeftOut(without_target, len(ours.known) - len(known)),
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
        column = find_column(frame, target, path)
        import pandas as pd  # read_frame has checked that it is installed

        values = of.read(column, what)
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


def _deal(strata: Rows, rows: int, seed: int) -> dict[Split, Rows]:
    """Rows of each part; those without a stratum are test rows."""
    if len(strata) < rows:
        train, valid = _shares(strata, (0.75, 1.0), seed)
        test = np.random.default_rng((seed, 1)).integers(len(strata), rows, rows - len(strata))
        return {"train": train, "valid": valid, "test": test}
    return dict(zip(("train", "valid", "test"), _shares(strata, (0.6, 0.8, 1.0), seed), strict=True))


def _shares(strata: Rows, ends: tuple[float, ...], seed: int) -> list[Rows]:
    """Deal rows at random into parts that end at these shares, each with its share of every stratum."""
    order = np.random.default_rng(seed).permutation(len(strata))
    stratum = strata[order]
    counts = np.bincount(stratum)
    first = np.cumsum(counts) - counts
    rank = np.empty_like(stratum)
    rank[np.argsort(stratum, kind="stable")] = np.arange(len(strata)) - np.repeat(first, counts)
    place = (rank + 0.5) / counts[stratum]
    dealt = order[np.argsort(place, kind="stable")]
    return np.split(dealt, [round(end * len(strata)) for end in ends[:-1]])

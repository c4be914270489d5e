"""CSV or Parquet files -> tensors for training a network on one of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ml3zoo.apply.files.frames import MIN_ROWS
from ml3zoo.apply.table.cells import Cells
from ml3zoo.apply.table.choice import choose
from ml3zoo.apply.table.columns import Columns, joined, read_columns
from ml3zoo.apply.table.leaks import give_away, of_repeated, of_shared
from ml3zoo.apply.table.preparation import Column, prepare
from ml3zoo.apply.table.targets import NumericTarget, Target
from ml3zoo.apply.table.targets.base import Rows, Values
from ml3zoo.apply.wording import counted
from ml3zoo.errors import DataError
from ml3zoo.tasks.base import Split

_PARTS: tuple[Split, ...] = ("train", "valid", "test")


@dataclass(frozen=True)
class Reading:
    """How files of tables are read.

    Attributes:
        missing: texts that mean a missing value, as an empty cell does.
        drop: names of columns to leave out.
        keep: names of columns to learn from, even if they seem to name the rows.
    """

    missing: Sequence[str] = ()
    drop: Sequence[str] = ()
    keep: Sequence[str] = ()

    def cells(self, data: Path, target: str) -> Cells:
        """The cells of a file that has the columns in question.

        Raises:
            DataError: it cannot be read, lacks a column, or one is to be left out and used.
            MissingExtraError: pandas or scikit-learn is not installed.
        """
        both = sorted({target, *self.keep} & {*self.drop})
        if both:
            raise DataError(f"column {both[0]!r} is to be used and to be left out. Take it from one of the two.")
        return Cells.read(data, [target, *self.drop, *self.keep], self.missing)


AS_IT_IS = Reading()
"""Only empty cells are missing, and columns are chosen by what is in them."""


@dataclass(frozen=True)
class Table:
    """A table ready for training, features and target encoded by what the training rows of its first split say.

    Attributes:
        x: features, [rows, features].
        y: the target as a loss takes it, [rows, ...].
        columns: how the features were made, in their order.
        left_out: why, by the name of each column that gives no feature.
        notes: how columns are written, where that had to be found out, by their names.
        formats: how the files are written, where that is unusual.
        warnings: what may make the result worthless, a sentence each.
        index: numbers of the rows in their file, from 0, [rows].
        target: how the target was encoded.
        truth: the target as it is in the file, [rows].
        strata: of the rows that are dealt, the first ones; the rest are test rows in every split.
        without_target: rows left out because their target is missing.
        beyond: rows left out because there are more than were asked for.
    """

    x: Tensor
    y: Tensor
    columns: tuple[Column, ...]
    left_out: dict[str, str]
    notes: dict[str, str]
    formats: tuple[str, ...]
    warnings: tuple[str, ...]
    index: Rows
    target: Target
    truth: Values
    strata: Rows
    without_target: int
    beyond: int

    @property
    def rows(self) -> int:
        """Rows in use."""
        return len(self.x)

    @property
    def features(self) -> int:
        """Features after encoding."""
        return self.x.shape[1]

    @property
    def own_test(self) -> bool:
        """Whether the test rows are those of a file of their own."""
        return len(self.strata) < self.rows

    @property
    def test_rows(self) -> Rows:
        """The test rows of the first split, each once."""
        return np.arange(len(self.strata), self.rows) if self.own_test else self.deal(0)["test"]

    def deal(self, seed: int) -> dict[Split, Rows]:
        """Rows of each part in one of many splits; each part gets its share of every class.

        60 % train, 20 % valid, 20 % test. If there is a file of test rows, 75 % train, 25 % valid, and as many test
        rows as the file has, drawn from it with replacement: results then vary as they would on other test rows.
        """
        return _deal(self.strata, self.rows, seed)


def read_table(
    data: Path | Cells,
    target: str,
    *,
    of: type[Target] = NumericTarget,
    test: Path | None = None,
    reading: Reading = AS_IT_IS,
    most: int | None = None,
) -> Table:
    """Read a table and prepare it: choose columns; impute, scale and encode by what training rows say.

    Args:
        data: a file of CSV or Parquet, or its cells.
        target: name of the column to predict.
        of: what the column is read as.
        test: another such file with the same columns, whose rows are the test rows.
        reading: how they are read.
        most: of more rows of ``data`` than this, so many are drawn at random, of every class its share.

    Raises:
        DataError: a file cannot be read, the column cannot be learned, or the files do not fit together.
        MissingExtraError: pandas or scikit-learn is not installed.
    """
    what = f"target {target!r}"
    cells = data if isinstance(data, Cells) else reading.cells(data, target)
    ours = _File.read(cells, target, of, what, reading)
    known = ours.drawn(of, most)
    values = ours.values[known]
    strata = of.strata(values)
    files, index, rows, columns, there = [ours], known, known, ours.columns, ""
    if test is not None:
        there = f"{what} of {test}"
        theirs = _File.read(Cells.read(test, [target], reading.missing), target, of, there, reading)
        files.append(theirs)
        index, rows = (np.concatenate([known, theirs.known + shift]) for shift in (0, len(ours.values)))
        columns = joined(ours.columns, theirs.columns, ours.path, test)
        repeated = of_shared(ours.frame(), theirs.frame())
    else:
        repeated = of_repeated(ours.frame())
    training = _deal(strata, len(rows), 0)["train"]
    encoding = of.fit(values, training, what)
    choice = choose(ours.columns, known[training], reading.keep)
    features = {name: columns[name] for name in choice.columns}
    truth, y = values, encoding.encode(values, what)
    if there:
        truth = np.concatenate([values, theirs.values[theirs.known]])
        y = torch.cat([y, encoding.encode(truth[len(values) :], there)])
    made, inputs = prepare(features, rows[training])
    leaks = [
        f"{name!r} alone tells {what} nearly perfectly. If it is not known when you predict: --drop {quote(name)}"
        for name in give_away(choice.columns, known, values)
    ]
    return Table(
        x=torch.tensor(inputs[rows], dtype=torch.float32),
        y=y,
        columns=made,
        left_out=dict.fromkeys(reading.drop, "as asked") | choice.left_out,
        notes={name: column.note for name, column in features.items() if column.note},
        formats=tuple(f"{file.path}: {file.format}" for file in files if file.format),
        warnings=tuple(filter(None, [*encoding.doubts(values, what), *choice.warnings, *leaks, repeated])),
        index=index,
        target=encoding,
        truth=truth,
        strata=strata,
        without_target=sum(file.without_target for file in files),
        beyond=len(ours.known) - len(known),
    )


@dataclass(frozen=True)
class _File:
    """A table as read.

    Attributes:
        path: of its file.
        format: how it is written, where that is unusual.
        columns: all but the target.
        values: of the target, [rows].
        known: rows that have a target.
    """

    path: Path
    format: str
    columns: Columns
    values: Values
    known: Rows

    @classmethod
    def read(cls, cells: Cells, target: str, of: type[Target], what: str, reading: Reading) -> _File:
        import pandas as pd  # whoever read the cells has checked that it is installed

        file, frame, decimal = cells.file, cells.frame, cells.decimal
        values = of.read(frame[target], what, decimal or ".")
        rows = np.flatnonzero(pd.notna(values))
        if not len(rows) and len(values):
            raise DataError(f"{what} has no {of.value} in any of {counted(len(values), 'row')}. Name another column.")
        if len(rows) < MIN_ROWS:
            raise DataError(
                f"{file.path} has {counted(len(rows), 'row')} with a target; at least {MIN_ROWS} are needed. Collect "
                "more data."
            )
        features = frame.drop(columns=[target, *reading.drop], errors="ignore")
        unusual = ", ".join(filter(None, (str(file.text or ""), "decimal commas" if decimal == "," else "")))
        return cls(file.path, unusual, read_columns(features, decimal), values, rows)

    @property
    def without_target(self) -> int:
        """How many rows have none."""
        return len(self.values) - len(self.known)

    def drawn(self, of: type[Target], most: int | None) -> Rows:
        """The rows that have a target, or so many of them, of every class its share."""
        if most is None or len(self.known) <= most:
            return self.known
        strata = of.strata(self.values[self.known])
        return self.known[np.sort(_shares(strata, (most / len(self.known), 1.0), 0)[0])]

    def frame(self) -> Any:
        """All rows that have a target, with it, as a data frame whose columns are in the order of their names."""
        import pandas as pd

        columns = {name: self.columns[name].values[self.known] for name in sorted(self.columns)}
        return pd.DataFrame({**columns, "": self.values[self.known]})


def _deal(strata: Rows, rows: int, seed: int) -> dict[Split, Rows]:
    """Rows of each part; those without a stratum are test rows."""
    if len(strata) < rows:
        train, valid = _shares(strata, (0.75, 1.0), seed)
        test = np.random.default_rng((seed, 1)).integers(len(strata), rows, rows - len(strata))
        return {"train": train, "valid": valid, "test": test}
    return dict(zip(_PARTS, _shares(strata, (0.6, 0.8, 1.0), seed), strict=True))


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

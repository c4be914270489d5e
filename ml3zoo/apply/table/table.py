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

from ml3zoo.apply.files import TableFile, read_frame
from ml3zoo.apply.files.frames import MIN_ROWS
from ml3zoo.apply.table.choice import choose
from ml3zoo.apply.table.columns import Columns, joined, read_columns
from ml3zoo.apply.table.leaks import give_away, of_repeated, of_shared
from ml3zoo.apply.table.preparation import Column, prepare
from ml3zoo.apply.table.targets import NumericTarget, Target
from ml3zoo.apply.table.targets.base import Rows, Values
from ml3zoo.apply.table.written_numbers import decimal_of
from ml3zoo.apply.wording import counted
from ml3zoo.errors import DataError
from ml3zoo.tasks.base import Split

SHARES: dict[Split, float] = {"train": 0.6, "valid": 0.2, "test": 0.2}
SHARES_BESIDE_TEST: dict[Split, float] = {"train": 0.75, "valid": 0.25}


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


AS_IT_IS = Reading()
"""Only empty cells are missing, and columns are chosen by what is in them."""


@dataclass(frozen=True)
class Table:
    """A table ready for training, features and target encoded by what its training rows say.

    Attributes:
        x: features of each part, [rows, features].
        y: target of each part as a loss takes it, [rows, ...].
        columns: how the features were made, in their order.
        left_out: why, by the name of each column that gives no feature.
        notes: how columns are written, where that had to be found out, by their names.
        formats: how the files are written, where that is unusual.
        warnings: what may make the result worthless, a sentence each.
        index: row numbers of each part in its file, from 0.
        target: how the target was encoded.
        truth: the target of the test rows as it is in the file, [rows].
        dropped: rows left out because their target is missing.
    """

    x: dict[Split, Tensor]
    y: dict[Split, Tensor]
    columns: tuple[Column, ...]
    left_out: dict[str, str]
    notes: dict[str, str]
    formats: tuple[str, ...]
    warnings: tuple[str, ...]
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
    data: Path,
    target: str,
    *,
    of: type[Target] = NumericTarget,
    test: Path | None = None,
    reading: Reading = AS_IT_IS,
    seed: int = 0,
) -> Table:
    """Read a table and prepare it: choose columns; impute, scale and encode by what the training rows say.

    Args:
        data: a file of CSV or Parquet.
        target: name of the column to predict.
        of: what the column is read as.
        test: another such file with the same columns, whose rows are the test rows.
        reading: how they are read.
        seed: of the split into 60 % train, 20 % valid, 20 % test, or 75 % train, 25 % valid if there is a table of
            test rows; each part gets its share of every class.

    Raises:
        DataError: a file cannot be read, the column cannot be learned, or the files do not fit together.
        MissingExtraError: pandas or scikit-learn is not installed.
    """
    what = f"target {target!r}"
    TableFile.open(data).check_has(target, *reading.drop, *reading.keep)
    ours = _File.read(data, target, of, what, reading)
    shares = SHARES if test is None else SHARES_BESIDE_TEST
    index = _split(ours.known, of.strata(ours.values[ours.known]), shares, seed)
    encoding = of.fit(ours.values[np.concatenate([*index.values()])], np.arange(len(index["train"])), what)
    y = {split: encoding.encode(ours.values[rows], what) for split, rows in index.items()}
    choice = choose(ours.columns, index["train"], reading.keep)
    files, features, rows_above = [ours], choice.columns, dict.fromkeys(index, 0)
    if test is None:
        truth, repeated = ours.values[index["test"]], of_repeated(ours.frame())
    else:
        there = f"{what} of {test}"
        theirs = _File.read(test, target, of, there, reading)
        files.append(theirs)
        together = joined(ours.columns, theirs.columns, data, test)
        features = {name: together[name] for name in features}
        index["test"], rows_above["test"] = theirs.known, len(ours.values)
        truth, repeated = theirs.values[theirs.known], of_shared(ours.frame(), theirs.frame())
        y["test"] = encoding.encode(truth, there)
    columns, inputs = prepare(features, index["train"])
    leaks = [
        f"{name!r} alone tells {what} nearly perfectly. If it is not known when you predict: --drop {quote(name)}"
        for name in give_away(choice.columns, ours.known, ours.values[ours.known])
    ]
    return Table(
        x={split: torch.tensor(inputs[rows + rows_above[split]], dtype=torch.float32) for split, rows in index.items()},
        y=y,
        columns=columns,
        left_out=dict.fromkeys(reading.drop, "as asked") | choice.left_out,
        notes={name: column.note for name, column in features.items() if column.note},
        formats=tuple(f"{file.path}: {file.format}" for file in files if file.format),
        warnings=tuple(
            filter(None, [*encoding.doubts(ours.values[ours.known], what), *choice.warnings, *leaks, repeated])
        ),
        index={split: rows.tolist() for split, rows in index.items()},
        target=encoding,
        truth=truth,
        dropped=sum(file.dropped for file in files),
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
    def read(cls, path: Path, target: str, of: type[Target], what: str, reading: Reading) -> _File:
        file = TableFile.open(path)
        file.check_has(target)
        file, frame = read_frame(file, reading.missing)
        import pandas as pd  # read_frame has checked that it is installed

        decimal = decimal_of(frame, file.text.separator) if file.text else None
        values = of.read(frame[target], what, decimal or ".")
        rows = np.flatnonzero(pd.notna(values))
        if not len(rows) and len(values):
            raise DataError(f"{what} has no {of.value} in any of {counted(len(values), 'row')}. Name another column.")
        if len(rows) < MIN_ROWS:
            raise DataError(
                f"{path} has {counted(len(rows), 'row')} with a target; at least {MIN_ROWS} are needed. Collect more "
                "data."
            )
        features = frame.drop(columns=[target, *reading.drop], errors="ignore")
        unusual = ", ".join(filter(None, (str(file.text or ""), "decimal commas" if decimal == "," else "")))
        return cls(path, unusual, read_columns(features, decimal), values, rows)

    @property
    def dropped(self) -> int:
        """Rows without a target."""
        return len(self.values) - len(self.known)

    def frame(self) -> Any:
        """All rows that have a target, with it, as a data frame whose columns are in the order of their names."""
        import pandas as pd

        columns = {name: self.columns[name].values[self.known] for name in sorted(self.columns)}
        return pd.DataFrame({**columns, "": self.values[self.known]})


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

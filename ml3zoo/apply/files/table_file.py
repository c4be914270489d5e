"""A table's file: found, of a type that can be read, and the names of its columns."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ml3zoo.apply.files.listing import listed
from ml3zoo.apply.files.text_format import PACKED, SAVE_AS_CSV, TextFormat
from ml3zoo.errors import DataError, MissingExtraError, did_you_mean

TEXTS = (".csv", ".tsv", ".tab", ".txt")
_PARQUET = ".parquet"
_SPREADSHEETS = (".xlsx", ".xls", ".xlsm", ".ods")
_UNREADABLE = (ValueError, OSError, EOFError, csv.Error)
_READABLE = "a CSV or Parquet file"
_LOOKED_AT = 20
"""Rows in which a header is looked for."""
_NUMBER = re.compile(r"[-+]?[\d.,]+([eE][-+]?\d+)?")
_UNNAMED_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class TableFile:
    """A table's file.

    Attributes:
        path: where it is.
        names: of its columns, without spaces around them; ``Unnamed: 0`` where the first has none, as pandas does.
        text: how it is written; None if it is a Parquet file.
    """

    path: Path
    names: tuple[str, ...]
    text: TextFormat | None

    @classmethod
    def open(cls, path: Path) -> TableFile:
        """Look at the beginning of a file.

        Raises:
            DataError: there is none, it is of another type, or has two columns of one name.
            MissingExtraError: it is a Parquet file and pyarrow is not installed.
        """
        try:
            ending = _ending(path)
            text = None if ending == _PARQUET else TextFormat.of(path)
            names = _parquet_names(path) if text is None else _header(path, text)
        except _UNREADABLE as error:
            raise unreadable(path, error) from error
        named = tuple(name.strip() or f"Unnamed: {k}" for k, name in enumerate(names))
        repeated = sorted(name for name, count in Counter(named).items() if count > 1)
        if repeated:
            raise DataError(f"{path} has more than one column named {listed(repeated)}. Rename them.")
        return cls(path, named, text)

    def check_has(self, *columns: str) -> None:
        """See that it has columns of these names.

        Raises:
            DataError: it lacks one.
        """
        for column in columns:
            if column in self.names:
                continue
            if not self.names:
                raise DataError(f"{self.path} is empty: a header and rows were expected. Export it again.")
            hint = did_you_mean(column, self.names)
            if len(self.names) == 1 and self.text:
                hint = " Fields may be separated by commas, semicolons, tabs or bars."
            elif all(_NUMBER.fullmatch(name) for name in self.names):
                hint = " Its first line seems to be a row of data: put a line with the columns' names above it."
            raise DataError(f"{self.path} has no column {column!r}; it has {listed(self.names)}.{hint}")


def _header(path: Path, text: TextFormat) -> list[str]:
    first = [row for _, row in islice(text.rows(path), _LOOKED_AT)]
    names = first[0] if first else []
    if len(names) == 1 and any(len(row) > 1 for row in first):
        raise DataError(
            f"{path} begins with a line of one field, {names[0][:40]!r}; the columns' names were expected. Take the "
            "lines above them away."
        )
    return names


def unreadable(path: Path, error: Exception) -> DataError:
    """What to say of a file that cannot be read."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    kind = path.suffix.lower().removeprefix(".")
    if isinstance(error, PermissionError):
        return DataError(f"{path} may not be read by you ({error.strerror}). Change its mode, or copy it.")
    again = "Export it again" + ("." if kind == "parquet" else ", as UTF-8.")
    return DataError(f"{path} cannot be read as {kind} ({reason}). {again}")


def _ending(path: Path) -> str:
    """What kind of table a name promises.

    Raises:
        DataError: none, or there is no such file.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    ending = suffixes[-1] if suffixes else ""
    if path.is_dir():
        inside = _tables_in(path)
        found = f" It holds {listed(inside)}." if inside else ""
        raise DataError(f"{path} is a folder; {_READABLE} was expected.{found} Name the file.")
    if re.match(r"(https?|ftp|s3|hf):/", str(path)):
        address = str(path).replace(":/", "://", 1)
        raise DataError(f"{address} is an address; a file on this machine was expected. Download it first.")
    if not path.exists():
        near = _tables_in(path.parent) if path.parent.is_dir() else []
        raise DataError(f"no file {path}: {_READABLE} was expected. Is the path right?{did_you_mean(path.name, near)}")
    if not path.is_file():
        raise DataError(f"{path} is no regular file; {_READABLE} was expected.")
    if ending in PACKED:
        ending = suffixes[-2] if suffixes[-2:-1] and suffixes[-2] in TEXTS else ending
    if ending in (*TEXTS, _PARQUET):
        return ending
    if ending in _SPREADSHEETS:
        raise DataError(f"{path} is a spreadsheet; {_READABLE} was expected. {SAVE_AS_CSV}.")
    raise DataError(f"{path} ends in {ending or 'nothing'!r}; .csv or .parquet was expected. Convert it first.")


def _tables_in(folder: Path) -> list[str]:
    readable = (*TEXTS, _PARQUET, *PACKED)
    return sorted(each.name for each in folder.iterdir() if each.suffix.lower() in readable)


def _parquet_names(path: Path) -> list[str]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "apply") from error
    return [name for name in parquet.read_schema(path).names if not _UNNAMED_INDEX.fullmatch(name)]

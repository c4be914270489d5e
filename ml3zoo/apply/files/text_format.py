"""How a table is written as text: its encoding, and what separates its fields."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from ml3zoo.errors import DataError

PACKED: dict[str, Callable[[Path], object]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
"""How to open files by their last ending, where they are compressed."""
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_SAMPLE = 2**17
_USUAL, _WESTERN = "utf-8", "cp1252"
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
SAVE_AS_CSV = "Save it as CSV (File, Save As, CSV UTF-8)"
_OTHERS = {
    b"PK\x03\x04": f"an Excel workbook or another zip archive. {SAVE_AS_CSV}, or unpack it",
    b"\xd0\xcf\x11\xe0": f"an old Excel workbook. {SAVE_AS_CSV}",
    b"PAR1": "a Parquet file. Let its name end in .parquet",
    b"\x1f\x8b": "compressed by gzip. Let its name end in .csv.gz",
    b"{": "JSON. Convert it to CSV, say by pandas",
    b"<": "a web page or XML. Download the table itself, often by a link named Raw",
}
"""What files that are no text begin with."""


@dataclass(frozen=True)
class TextFormat:
    """How a table is written as text.

    Attributes:
        separator: one of ``SEPARATORS``.
        encoding: as Python knows it.
        above: how many lines there are above the header: one if Excel names the separator there, as ``sep=;``.
    """

    separator: str = ","
    encoding: str = _USUAL
    above: int = 0

    @classmethod
    def of(cls, path: Path) -> TextFormat:
        """What the beginning of a file shows.

        Raises:
            DataError: it holds something else than text.
            OSError: it cannot be read.
        """
        with opened(path) as file:
            start = file.read(_SAMPLE)
        for mark, other in _OTHERS.items():
            if start.startswith(mark):
                raise DataError(f"{path} is {other}.")
        encoding = next((name for mark, name in _MARKS.items() if start.startswith(mark)), _USUAL)
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(start)
        except UnicodeDecodeError:
            encoding = _WESTERN
            text = start.decode(encoding)
        if "\0" in text:
            raise DataError(f"{path} cannot be read as text: it holds zero bytes. Export it again, as CSV in UTF-8.")
        lines = text.removeprefix("\ufeff").splitlines(keepends=True)
        named = re.fullmatch(r"sep=([,;|\t])", lines[0].strip("\r\n")) if lines else None
        if named:
            return cls(named[1], encoding, above=1)
        whole = len(start) < _SAMPLE
        return cls(_separator(lines if whole or len(lines) < 2 else lines[:-1]), encoding)

    def rows(self, path: Path) -> Iterator[tuple[int, list[str]]]:
        """The number of the last line and the fields of each row that is not empty, the header first.

        Raises:
            ValueError: bytes that are none of the encoding.
            csv.Error: quotes that do not end.
            OSError: the file cannot be read.
        """
        with opened(path) as file:
            lines = io.TextIOWrapper(file, encoding=self.encoding, newline="")
            reader = csv.reader(lines, delimiter=self.separator)
            for row in islice(reader, self.above, None):
                if row:
                    yield reader.line_num, row

    def western(self) -> TextFormat:
        """The same in the encoding of older Windows programs."""
        return replace(self, encoding=_WESTERN)

    def __str__(self) -> str:
        """What is unusual about it, in words; empty if nothing is."""
        separated = "" if self.separator == "," else f"fields separated by {SEPARATORS[self.separator]}"
        encoded = "" if self.encoding.startswith(_USUAL) else f"encoded as {self.encoding}"
        return ", ".join(filter(None, (separated, encoded)))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked."""
    unpack = PACKED.get(path.suffix.lower())
    with cast(BinaryIO, unpack(path)) if unpack else path.open("rb") as file:
        yield file


def _separator(lines: list[str]) -> str:
    """What separates fields: splits the header, then as many rows as possible like it, then into the most fields.

    Where nothing splits the first line, it is what splits most others: that line may be a title.
    """

    def fit(separator: str) -> tuple[bool, float, int]:
        rows = [row for row in csv.reader(lines, delimiter=separator) if row]
        fields = len(rows[0]) if rows else 0
        fitting = sum(len(row) == fields if fields > 1 else len(row) > 1 for row in rows)
        return fields > 1, fitting / max(len(rows), 1), fields

    try:
        return max(SEPARATORS, key=fit)
    except csv.Error:
        return ","

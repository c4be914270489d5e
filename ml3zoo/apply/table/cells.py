"""A table's cells as they are written, and the decimal mark of its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml3zoo.apply.files import TableFile, read_frame
from ml3zoo.apply.table.written_numbers import Decimal, decimal_of


@dataclass(frozen=True)
class Cells:
    """What a file holds.

    Attributes:
        file: how it is written.
        frame: its cells as a data frame.
        decimal: the mark of its numbers where a column leaves it open; None where types count, as in Parquet.
    """

    file: TableFile
    frame: Any
    decimal: Decimal | None

    @classmethod
    def read(cls, path: Path, columns: Sequence[str], missing: Sequence[str]) -> Cells:
        """Read a file.

        Args:
            path: where it is.
            columns: names that it must have.
            missing: texts that mean a missing value, as an empty cell does.

        Raises:
            DataError: it cannot be read, or lacks a column.
            MissingExtraError: pandas or scikit-learn is not installed.
        """
        file = TableFile.open(path)
        file.check_has(*columns)
        file, frame = read_frame(file, missing)
        return cls(file, frame, decimal_of(frame, file.text.separator) if file.text else None)

"""The columns of a table as read: numbers, dates or text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ml3zoo.apply.files.listing import listed
from ml3zoo.apply.table.written_dates import DATE, DATE_LIKE, dates_in, days
from ml3zoo.apply.table.written_numbers import Decimal, check_marks, numbers_in
from ml3zoo.errors import DataError, did_you_mean

LARGEST = 1e100
"""The largest number that a table may hold: its square must still be finite."""
MISSING_MARKS = ("na", "n/a", "nan", "null", "none", "nil", "?", "-", "--", ".", "#n/a", "missing", "unknown")
"""What people write for a missing value, in lower case."""
_WITH_UNIT = r"(?:[$€£¥]|[A-Z]{3}) ?-?\d[\d.,' ]*|-?\d[\d.,' ]*(?:%| ?[$€£¥]| ?[a-zA-Z°µ]{1,3})|\(\d[\d.,' ]*\)"
TAKEN_FOR_TEXT = {
    "numbers with units": (_WITH_UNIT, "Write the numbers alone"),
    "times of day": (r"\d{1,2}:\d{2}(?::\d{2})?(?: ?[APap][Mm])?", "Write them as numbers, such as hours"),
    "dates that are not understood": (DATE_LIKE, "Write them all as 2024-01-31"),
}
"""What text may be that was meant otherwise: how it is written, and how it is read."""
_MISTYPED = 0.1
"""Up to this share, texts among numbers are taken for mistakes."""

Kind = Literal["numbers", "true or false", "dates", "text", "nothing"]


@dataclass(frozen=True)
class ReadColumn:
    """A column as read.

    Attributes:
        kind: what it holds. Booleans count 1 and 0, dates are days since 1970 in UTC; nothing if all are missing.
        values: float64, or objects if it is text, [rows]; NaN where missing.
        note: how they are written, empty if plainly.
    """

    kind: Kind
    values: NDArray[Any]
    note: str = ""

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.kind == "text"

    @property
    def known(self) -> NDArray[np.bool_]:
        """Whether a row has a value, [rows]; infinite numbers are none."""
        if self.is_text:
            return np.array([isinstance(value, str) for value in self.values], dtype=bool)
        finite: NDArray[np.bool_] = np.isfinite(self.values)
        return finite


Columns = Mapping[str, ReadColumn]


def read_columns(frame: Any, decimal: Decimal | None = None) -> dict[str, ReadColumn]:
    """The columns of a data frame.

    Args:
        frame: as read from a file.
        decimal: the mark that a file of text has, whose cells are numbers or dates if they look like it. None where
            types count, as in Parquet.

    Raises:
        DataError: a number is out of range, or a column of numbers holds some text.
    """
    columns = {name: _read(frame[name], f"column {name!r}", decimal) for name in frame.columns}
    for name, column in columns.items():
        if not column.is_text:
            check_range(column.values, f"column {name!r}")
    return columns


def _read(column: Any, what: str, decimal: Decimal | None) -> ReadColumn:
    import pandas as pd

    if not column.notna().any():
        return ReadColumn("nothing", np.full(len(column), np.nan))
    if decimal:
        return _read_text(column, what, decimal)
    types = pd.api.types
    kind = types.infer_dtype(column, skipna=True)
    if kind == "boolean":
        return ReadColumn("true or false", numbers(column.astype("boolean")))
    if is_numeric(column):
        return ReadColumn("numbers", numbers(column))
    if types.is_timedelta64_dtype(column):
        return ReadColumn("numbers", _floats(days(column)), "durations in days")
    if kind in ("datetime64", "datetime", "date"):
        return ReadColumn("dates", _floats(days(column)))
    if kind == "decimal":
        return ReadColumn("numbers", _floats(pd.to_numeric(column, errors="coerce")))
    return ReadColumn("text", texts(column).to_numpy(dtype=object))


def _read_text(text: Any, what: str, decimal: Decimal) -> ReadColumn:
    """Numbers, booleans or dates, if all cells are; else text."""
    import pandas as pd

    codes, different = pd.factorize(text)
    cells, known = pd.Series(different, dtype=object), text.dropna()
    found, note = numbers_in(cells, decimal)
    if cells[found % 1 == 0].str.fullmatch(r"[+-]?0\d+").any():
        return ReadColumn("text", text.to_numpy(dtype=object), "codes with leading zeros")
    strange = cells[found.isna()]
    strange = strange[strange.str.lower() != "nan"]
    if strange.empty:
        return ReadColumn("numbers", _spread(found, codes), note)
    if cells.str.lower().isin(["true", "false"]).all():
        return ReadColumn("true or false", _floats(text.str.lower().map({"true": 1.0, "false": 0.0})))
    dates = dates_in(cells)
    if dates is not None:
        return ReadColumn("dates", _spread(dates[0], codes), dates[1])
    no_dates = cells[~cells.str.fullmatch(DATE)]
    if len(no_dates) >= len(strange):
        _check_mistyped(known[known.isin(strange)], len(known), what, "numbers")
        check_marks(cells, what)
    elif len(no_dates):
        _check_mistyped(known[known.isin(no_dates)], len(known), what, "dates")
    meant = (note for note, (like, _) in TAKEN_FOR_TEXT.items() if cells.str.fullmatch(like).mean() > 0.5)
    return ReadColumn("text", text.to_numpy(dtype=object), next(meant, ""))


def _spread(values: Any, codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """The values of different cells, for each row; NaN where it has none, by a code of -1."""
    return np.append(_floats(values), np.nan)[codes]


def _check_mistyped(strange: Any, rows: int, what: str, kind: Kind) -> None:
    """See that a column of text is not one of numbers or dates with a few mistyped, or with words for missing ones.

    Raises:
        DataError: it is.
    """
    marks = strange.unique()
    missing = len(strange) < rows and all(mark.lower() in MISSING_MARKS for mark in marks)
    if not missing and not len(strange) <= _MISTYPED * rows:
        return
    instead = f"If that means a missing value, add {missing_option(marks)}; else c" if missing else "C"
    raise DataError(
        f"{what} holds {kind} in {rows - len(strange)} rows and text in {len(strange)}, such as "
        f"{strange.iloc[0][:40]!r} in row {strange.index[0] + 1}; {kind} alone were expected, or text alone. "
        f"{instead}orrect or empty those cells, or, if all are names, put a letter before the {kind}."
    )


def missing_option(marks: Any) -> str:
    """The option that says that these texts mean a missing value."""
    import shlex

    return " ".join(f"--missing {shlex.quote(mark)}" for mark in marks)


def joined(ours: Columns, theirs: Columns, our_file: Path, their_file: Path) -> dict[str, ReadColumn]:
    """The rows of two tables in one, the second below the first. Their columns are the same, in any order.

    Args:
        ours: the first table.
        theirs: the second table.
        our_file: where the first was read from.
        their_file: where the second was read from.

    Raises:
        DataError: they have other columns, or a column holds text in one and numbers in the other.
    """
    _check_names([*ours], [*theirs], our_file, their_file)
    together = {}
    for name, first in ours.items():
        second = theirs[name]
        kinds = [_family(first), _family(second)]
        if "nothing" not in kinds and kinds[0] != kinds[1]:
            found = " and ".join(f"{kind} in {file}" for kind, file in zip(kinds, (our_file, their_file), strict=True))
            raise DataError(
                f"column {name!r} holds {found}; one type was expected.{_example(first, second)} Correct it, or the "
                "other table."
            )
        kept = second if first.kind == "nothing" else first
        values = [each.values.astype(kept.values.dtype) for each in (first, second)]
        together[name] = ReadColumn(kept.kind, np.concatenate(values), kept.note)
    return together


def _family(column: ReadColumn) -> str:
    return "numbers" if column.kind == "true or false" else column.kind


def _example(*columns: ReadColumn) -> str:
    import pandas as pd

    for column in columns:
        if column.is_text:
            text = pd.Series(column.values).dropna()
            strange = text[pd.to_numeric(text, errors="coerce").isna()]
            return f" An example of the text is {(strange if len(strange) else text).iloc[0][:40]!r}."
    return ""


def _check_names(known: list[str], got: list[str], our_file: Path, their_file: Path) -> None:
    """See that two tables have columns of the same names."""
    missing = [name for name in known if name not in got]
    unknown = [name for name in got if name not in known]
    faults = {"lacks": missing, "also has": unknown}
    found = [f"{fault} {listed(names)}" for fault, names in faults.items() if names]
    if found:
        hint = did_you_mean(unknown[0], missing) if unknown else ""
        raise DataError(
            f"{their_file} {' and '.join(found)}; the columns of {our_file} were expected.{hint} Give both tables the "
            "same columns."
        )


def is_numeric(column: Any) -> bool:
    """Whether a column of a data frame holds real numbers or booleans."""
    import pandas as pd

    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)


def numbers(column: Any) -> NDArray[np.float64]:
    """The values of a numeric column, [rows], NaN where missing."""
    values: NDArray[np.float64] = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def texts(column: Any) -> Any:
    """The values of a column as text, NaN where missing."""
    return column.astype(object).map(str, na_action="ignore").where(column.notna(), np.nan).astype(object)


def check_range(values: NDArray[np.float64], what: str) -> None:
    """See that no number is too large to compute with; infinite ones count as missing.

    Raises:
        DataError: one is.
    """
    finite = values[np.isfinite(values)]
    beyond = finite[np.abs(finite) > LARGEST]
    if len(beyond):
        raise DataError(
            f"{what} holds {beyond[0]:g}, out of range: numbers up to {LARGEST:g} were expected. "
            "Rescale the column or correct the value."
        )


def _floats(column: Any) -> NDArray[np.float64]:
    values: NDArray[np.float64] = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return values

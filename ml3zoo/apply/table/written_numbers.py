"""Numbers as people write them: ``1,5``, ``30,930``, ``1.234,56`` and ``30 930`` too."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from ml3zoo.errors import DataError

_END = r"(?:[eE][+-]?\d+)?"
_POINTS = rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:,\d{{3}})+)?(?:\.\d*)?{_END}"
"""With a decimal point, and perhaps commas between thousands."""
_COMMAS = rf"[+-]?(?:\d+|[1-9]\d{{0,2}}(?:\.\d{{3}})+)?(?:,\d*)?{_END}"
"""The same the other way round."""
_GAPS = r"[+-]?[1-9]\d{0,2}(?:[ '’\u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?"
"""With gaps between thousands."""
_NOT_PLAIN = re.compile(r"[^\d.+\-\n]", re.ASCII)
_MINUS = "\u2212"
"""As typesetters write it."""
_ENOUGH = 2000
"""Cells of a column that show how a file writes numbers."""
Decimal = Literal[".", ","]


@dataclass(frozen=True)
class Votes:
    """In how many cells only one decimal mark makes sense."""

    point: int = 0
    comma: int = 0

    @property
    def decimal(self) -> Decimal | None:
        """The mark of most cells, if there are any."""
        return None if self.point == self.comma else "." if self.point > self.comma else ","


def votes(text: Any) -> Votes:
    """What the cells of a column say of the decimal mark.

    Args:
        text: a series of text, none missing.
    """
    compact = _without_gaps(text)
    point, comma = compact.str.fullmatch(_POINTS), compact.str.fullmatch(_COMMAS)
    return Votes(int((point & ~comma).sum()), int((comma & ~point).sum()))


def decimal_of(frame: Any, separator: str) -> Decimal:
    """The decimal mark of a file where a column leaves it open.

    Args:
        frame: its columns of text.
        separator: between its fields. Programs take semicolons where commas are decimal marks.
    """
    columns = [frame[name].dropna().head(_ENOUGH) for name in frame.columns]
    said = [votes(column).decimal for column in columns]
    points, commas = said.count("."), said.count(",")
    if points == commas == 0:
        return "," if separator == ";" and any(column.str.contains(",").any() for column in columns) else "."
    return "," if commas > points else "."


def numbers_in(text: Any, decimal: Decimal = ".") -> tuple[Any, str]:
    """The numbers of a column of text.

    Args:
        text: a series of text, missing ones NaN.
        decimal: the file's mark where the column leaves it open.

    Returns:
        A series of float64, NaN where there is no number; and how they are written, empty if plainly.
    """
    import pandas as pd

    known = text.dropna()
    fast = _plain_numbers(known, decimal)
    if fast is not None:
        return pd.Series(fast, known.index).reindex(text.index), ""
    known = known.str.replace(f"^{_MINUS}", "-", regex=True)
    plain = pd.to_numeric(known, errors="coerce").astype(float)
    others = known if decimal == "," else known[plain.isna()]
    if not others.str.contains(r"\d[,.'’ \u00a0\u2009\u202f]", regex=True).any():
        return plain.reindex(text.index), ""
    mark = votes(known).decimal or decimal
    pattern, group = (_POINTS, ",") if mark == "." else (_COMMAS, ".")
    compact = _without_gaps(known)
    fitting = compact[compact.str.fullmatch(pattern)]
    rewritten = fitting.str.replace(group, "", regex=False).str.replace(",", ".", regex=False)
    numbers = pd.to_numeric(rewritten, errors="coerce").astype(float).reindex(known.index)
    apart = fitting.str.contains(group, regex=False).any() or not compact.equals(known)
    note = f"decimal {'points' if mark == '.' else 'commas'}" if mark != decimal else "thousands apart" if apart else ""
    return numbers.where(numbers.notna(), plain).reindex(text.index), note


def _plain_numbers(known: Any, decimal: Decimal) -> list[float] | None:
    """The numbers of cells that are written with digits and a decimal point alone, if all are."""
    cells = known.tolist()
    joined = "\n".join(cells)
    if _NOT_PLAIN.search(joined) or (decimal == "," and "." in joined):
        return None
    try:
        return [float(cell) for cell in cells]
    except ValueError:
        return None


def check_marks(known: Any, what: str) -> None:
    """See that a column is not one of numbers half of which have a decimal point and half a decimal comma.

    Args:
        known: a series of text, none missing.
        what: the column's name in messages.

    Raises:
        DataError: it is.
    """
    compact = _without_gaps(known)
    point, comma = compact.str.fullmatch(_POINTS), compact.str.fullmatch(_COMMAS)
    if (point | comma).all() and not point.all() and not comma.all():
        one, other = known[point & ~comma].iloc[0], known[comma & ~point].iloc[0]
        raise DataError(
            f"{what} holds numbers with decimal points, such as {one!r}, and with decimal commas, such as {other!r}; "
            "one mark was expected. Write all of them alike."
        )


def _without_gaps(text: Any) -> Any:
    gaps = text.str.fullmatch(_GAPS)
    return text.where(~gaps, text.str.replace(r"[ '’\u00a0\u2009\u202f]", "", regex=True)) if gaps.any() else text

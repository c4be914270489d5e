"""Dates as people write them, as days since 1970."""

from __future__ import annotations

import re
from typing import Any

_TIME = r"(?:[T ]\d{1,2}:\d{2}.*)?"
_YEAR = r"(?:1[5-9]|2[01])\d{2}"
_YEAR_FIRST = rf"{_YEAR}(?:-\d{{2}}|[-/.]\d{{1,2}}[-/.]\d{{1,2}}{_TIME})"
_YEAR_LAST = rf"(\d{{1,2}})([-/.])(\d{{1,2}})[-/.]{_YEAR}{_TIME}"
_MONTH = r"(?i:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?)"
_MONTH_NAMED = rf"(?:\d{{1,2}}[ -]{_MONTH},?[ -]|{_MONTH} (?:\d{{1,2}}, ?)?){_YEAR}{_TIME}"
DATE = f"{_YEAR_FIRST}|{_YEAR_LAST}|{_MONTH_NAMED}"
_NAMED = r"\d{1,2}\.?[ /-][^\W\d]{3,12}\.?,?[ /-](?:\d{4}|\d{2})|[^\W\d]{3,12}\.? \d{1,2},? \d{4}"
DATE_LIKE = rf"(?:{DATE}|{_NAMED}|\d{{1,2}}/\d{{1,2}}/\d{{2}}|\d{{2}}[.-]\d{{2}}[.-]\d{{2}}){_TIME}"
"""What may be a date, also in other languages and with years of two digits."""


def dates_in(text: Any) -> tuple[Any, str] | None:
    """The dates of a column of text, if all of its cells are dates.

    Args:
        text: a series of text, missing ones NaN.

    Returns:
        A series of days since 1970 (UTC), float64, missing ones NaN; and how they were understood, empty if plain.
    """
    import pandas as pd

    known = text.dropna()
    note, day_first = "", False
    if known.empty or not re.fullmatch(DATE, known.iloc[0]):
        return None
    if not known.str.fullmatch(f"{_YEAR_FIRST}|{_MONTH_NAMED}").all():
        parts = known.str.extract(rf"^{_YEAR_LAST}$")
        if parts[0].isna().any():
            return None
        first, second = parts[0].astype(int), parts[2].astype(int)
        if (first > 12).any() and (second > 12).any():
            return None
        day_first = bool((first > 12).any() or (parts[1] == ".").all())
        open_ = not day_first and not (second > 12).any()
        note = f"{'day' if day_first else 'month'} first" + (", a guess" if open_ else "")
    dates = pd.to_datetime(known, format="mixed", dayfirst=day_first, errors="coerce", utc=True)
    return None if dates.isna().any() else (days(dates).reindex(text.index), note)


def days(times: Any) -> Any:
    """Times as days since 1970, or durations as days: a series of float64, missing ones NaN."""
    import pandas as pd

    durations = (
        times
        if pd.api.types.is_timedelta64_dtype(times)
        else pd.to_datetime(times, utc=True) - pd.Timestamp(0, tz="UTC")
    )
    return durations.dt.total_seconds() / 86400

"""CSV and Parquet files as data frames."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from ml3zoo.apply.table.preparation import is_numeric, numbers, texts
from ml3zoo.errors import DataError, MissingExtraError, did_you_mean

MIN_ROWS = 10
_SHOWN = 12


def read_frame(data: Path) -> Any:
    """A table as a data frame, its rows numbered from 0.

    Args:
        data: a ``.csv`` or ``.parquet`` file.

    Raises:
        DataError: it cannot be read, is empty, or has two columns of one name.
        MissingExtraError: pandas or scikit-learn is not installed.
    """
    try:
        import pandas as pd
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Applying a loss to a table", "apply") from error
    ending = data.suffix.lower()
    if ending not in (".csv", ".parquet"):
        raise DataError(f"{data} ends in {ending or 'nothing'!r}; .csv or .parquet was expected. Convert it first.")
    if not data.is_file():
        raise DataError(f"no file {data}: a CSV or Parquet file was expected. Is the path right?")
    try:
        if ending == ".csv":
            names = _read_header(data)
            options = {"index_col": False, "low_memory": False, "encoding": "utf-8-sig"}
            frame = pd.read_csv(data, **options) if names else pd.DataFrame()
        else:
            frame = pd.read_parquet(data)
            names = [str(name) for name in frame.columns]
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "apply") from error
    except (ValueError, OSError, csv.Error) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        again = "Export it again" + (", as UTF-8." if ending == ".csv" else ".")
        raise DataError(f"{data} cannot be read as {ending[1:]} ({reason}). {again}") from error
    if frame.empty:
        raise DataError(f"{data} is empty: a header and at least {MIN_ROWS} rows were expected.")
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise DataError(f"{data} has more than one column named {', '.join(map(repr, double))}. Rename them.")
    frame.columns = names
    return frame.reset_index(drop=True)


def stacked(ours: Any, theirs: Any, our_file: Path, their_file: Path) -> Any:
    """The rows of a table and below them those of another with the same columns, whose order may differ.

    Args:
        ours: the one table.
        theirs: the other.
        our_file: where the one was read from.
        their_file: where the other was read from.

    Returns:
        Columns of float64, or of text as objects; missing values are NaN.

    Raises:
        DataError: they have other columns, or a column holds text in one and numbers in the other.
    """
    import pandas as pd

    _check_names([*ours.columns], [*theirs.columns], our_file, their_file)
    columns = {}
    for name in ours.columns:
        parts = [_unboxed(ours[name]), _unboxed(theirs[name])]
        held = [_held(part) for part in parts]
        if len(set(filter(None, held))) > 1:
            told = (f"{kind} in {file}" for kind, file in zip(held, (our_file, their_file), strict=True))
            text = parts[held.index("text")].dropna().astype(str)
            strange = text[pd.to_numeric(text, errors="coerce").isna()]
            raise DataError(
                f"column {name!r} holds {' and '.join(told)}; one type was expected. Text is, for example, "
                f"{(strange if len(strange) else text).iloc[0][:40]!r}: correct it, or the other table."
            )
        read = numbers if "numbers" in held else texts
        columns[name] = np.concatenate(
            [read(part) if kind else np.full(len(part), np.nan) for part, kind in zip(parts, held, strict=True)]
        )
    return pd.DataFrame(columns)


def _read_header(data: Path) -> list[str]:
    """The names of the columns, having seen that every row has as many fields."""
    with data.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        names: list[str] = []
        for row in filter(None, reader):
            names = names or row
            if len(row) != len(names):
                raise DataError(
                    f"line {reader.line_num} of {data} has {len(row)} fields, its header has {len(names)}. A comma at "
                    "the end makes one more field; fields that hold commas need quotes. Correct it and run again."
                )
    return names


def _check_names(known: list[str], got: list[str], our_file: Path, their_file: Path) -> None:
    """See that two tables have columns of the same names."""
    missing = [name for name in known if name not in got]
    unknown = [name for name in got if name not in known]
    faults = {"lacks": missing, "has besides": unknown}
    told = [f"{fault} {_listed(names)}" for fault, names in faults.items() if names]
    if told:
        hint = did_you_mean(unknown[0], missing) if unknown else ""
        raise DataError(
            f"{their_file} {' and '.join(told)}; the columns of {our_file} were expected.{hint} Give both tables the "
            "same columns."
        )


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_SHOWN])) + (", ..." if len(names) > _SHOWN else "")


def _unboxed(column: Any) -> Any:
    """Booleans as such, which pandas reads as objects where some are missing."""
    import pandas as pd

    return column.astype("boolean") if pd.api.types.infer_dtype(column, skipna=True) == "boolean" else column


def _held(column: Any) -> str:
    """What a column holds: text or numbers; nothing where all is missing."""
    if not column.notna().any():
        return ""
    return "numbers" if is_numeric(column) else "text"

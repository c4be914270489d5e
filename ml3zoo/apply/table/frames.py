"""CSV and Parquet files as data frames."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from ml3zoo.apply.table.listing import listed
from ml3zoo.apply.table.preparation import is_numeric, numbers, texts
from ml3zoo.errors import DataError, MissingExtraError, did_you_mean

MIN_ROWS = 10


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
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(f"{data} has more than one column named {', '.join(map(repr, repeated))}. Rename them.")
    frame.columns = names
    return frame.reset_index(drop=True)


def find_column(frame: Any, target: str, data: Path) -> Any:
    """The column to predict.

    Raises:
        DataError: there is none of that name.
    """
    if target not in frame.columns:
        names = [str(name) for name in frame.columns]
        raise DataError(f"{data} has no column {target!r}; it has {listed(names)}.{did_you_mean(target, names)}")
    return frame[target]


def stacked(ours: Any, theirs: Any, our_file: Path, their_file: Path) -> Any:
    """The rows of two tables in one, the second below the first. Their columns are the same, in any order.

    Args:
        ours: the first table.
        theirs: the second table.
        our_file: where the first was read from.
        their_file: where the second was read from.

    Returns:
        Columns of float64, or of text as objects; missing values are NaN.

    Raises:
        DataError: they have other columns, or a column holds text in one and numbers in the other.
    """
    import pandas as pd

    _check_names([*ours.columns], [*theirs.columns], our_file, their_file)
    columns = {}
    for name in ours.columns:
        parts = [_as_booleans(ours[name]), _as_booleans(theirs[name])]
        types = [_type_of(part) for part in parts]
        if len(set(filter(None, types))) > 1:
            found = (f"{each} in {file}" for each, file in zip(types, (our_file, their_file), strict=True))
            text = parts[types.index("text")].dropna().astype(str)
            strange = text[pd.to_numeric(text, errors="coerce").isna()]
            raise DataError(
                f"column {name!r} holds {' and '.join(found)}; one type was expected. An example of the text is "
                f"{(strange if len(strange) else text).iloc[0][:40]!r}: correct it, or the other table."
            )
        read = numbers if "numbers" in types else texts
        columns[name] = np.concatenate(
            [read(part) if known else np.full(len(part), np.nan) for part, known in zip(parts, types, strict=True)]
        )
    return pd.DataFrame(columns)


def _read_header(data: Path) -> list[str]:
    """The names of the columns. Checks that every row has as many fields."""
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
    faults = {"lacks": missing, "also has": unknown}
    found = [f"{fault} {listed(names)}" for fault, names in faults.items() if names]
    if found:
        hint = did_you_mean(unknown[0], missing) if unknown else ""
        raise DataError(
            f"{their_file} {' and '.join(found)}; the columns of {our_file} were expected.{hint} Give both tables the "
            "same columns."
        )


def _as_booleans(column: Any) -> Any:
    """A column of booleans as such: pandas reads it as objects where some are missing."""
    import pandas as pd

    return column.astype("boolean") if pd.api.types.infer_dtype(column, skipna=True) == "boolean" else column


def _type_of(column: Any) -> str:
    """Whether a column holds text or numbers; empty if all values are missing."""
    if not column.notna().any():
        return ""
    return "numbers" if is_numeric(column) else "text"

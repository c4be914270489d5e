"""A table's file as a data frame."""

from __future__ import annotations

import csv
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ml3zoo.apply.files.table_file import TableFile, unreadable
from ml3zoo.errors import DataError, MissingExtraError

MIN_ROWS = 10


def read_frame(file: TableFile, missing: Collection[str] = ()) -> tuple[TableFile, Any]:
    """A table as a data frame, its rows numbered from 0.

    Args:
        file: the table's file.
        missing: texts that mean a missing value, as an empty cell does.

    Returns:
        The file, its encoding as all of it shows, and its cells: those of text without spaces around them, as they
        are written; those of Parquet as they are typed. Missing ones are NaN.

    Raises:
        DataError: it cannot be read, or is empty.
        MissingExtraError: pandas or scikit-learn is not installed.
    """
    try:
        import pandas as pd
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Applying a loss to a table", "apply") from error
    try:
        if file.text is None:
            frame = pd.read_parquet(file.path)
            named = [name for name in frame.index.names if name is not None]
            frame = frame.reset_index(level=named).reset_index(drop=True)
            frame.columns = [str(name).strip() for name in frame.columns]
            frame = frame[list(file.names)]
        else:
            file = _checked(file)
            frame = _read_text(file)
    except ImportError as error:
        raise MissingExtraError("Reading Parquet", "apply") from error
    except (ValueError, OSError, EOFError, csv.Error) as error:
        raise unreadable(file.path, error) from error
    if frame.empty:
        raise DataError(f"{file.path} is empty: a header and at least {MIN_ROWS} rows were expected.")
    texts = [name for name in frame.columns if pd.api.types.is_object_dtype(frame[name]) or _is_text(frame[name])]
    for name in texts:
        frame[name] = _known(frame[name].astype(object), {"", *missing})
    nameless = [name for name in frame.columns if name.startswith("Unnamed: ") and not frame[name].notna().any()]
    return file, frame.drop(columns=nameless)


def _is_text(column: Any) -> bool:
    import pandas as pd

    return pd.api.types.is_string_dtype(column) and not isinstance(column.dtype, pd.CategoricalDtype)


def _known(column: Any, missing: Collection[str]) -> Any:
    """Cells of a column, those that say that they are missing as NaN."""
    import numpy as np

    return column.where(column.notna() & ~column.isin(missing), np.nan)


def _read_text(file: TableFile) -> Any:
    import pandas as pd

    assert file.text is not None
    if not file.names:
        return pd.DataFrame()
    frame = pd.read_csv(
        file.path,
        sep=file.text.separator,
        encoding=file.text.encoding,
        names=list(file.names),
        header=0,
        skiprows=file.text.above,
        index_col=False,
        dtype=str,
        na_filter=False,
    )
    return frame.apply(lambda column: column.str.strip())


def _why(row: list[str], separator: str) -> str:
    """What may have gone wrong in a row of too many or too few fields."""
    broken = next((field.splitlines()[0] for field in row if "\n" in field), None)
    if broken is not None:
        return f"A field that begins with {broken[:40]!r} goes on over several lines: a quote is not closed."
    return f"A separator at the end makes one more field; fields that hold {separator!r} need quotes."


def _checked(file: TableFile) -> TableFile:
    """See that every row has as many fields as the header. The file, in the encoding that all of it has."""
    assert file.text is not None
    try:
        for line, row in file.text.rows(file.path):
            if len(row) != len(file.names):
                raise DataError(
                    f"line {line} of {file.path} has {len(row)} field{'s' * (len(row) != 1)}, its header has "
                    f"{len(file.names)}. {_why(row, file.text.separator)} Correct it and run again."
                )
    except UnicodeDecodeError:
        if file.text == file.text.western():
            raise
        return _checked(replace(file, text=file.text.western()))
    return file

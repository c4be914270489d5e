"""Tables and small images that ship with scikit-learn."""

from __future__ import annotations

from ml3zoo.errors import UnknownNameError, did_you_mean
from ml3zoo.tasks.bundled import read_bundled
from ml3zoo.tasks.tables.table import Table, table_of_columns, table_of_images

_TABLES = ("breast_cancer", "diabetes", "iris", "wine")
_IMAGES = ("digits",)


def read_scikit_learn(name: str) -> Table:
    """A data set by its name; the target of diabetes is a number, the digits are images of 8 by 8 pixels.

    Raises:
        MissingExtraError: scikit-learn or pandas is not installed.
        UnknownNameError: it has no such data set.
    """
    known = _TABLES + _IMAGES
    if name not in known:
        raise UnknownNameError(f"no table {name!r} of scikit-learn.{did_you_mean(name, known)}")
    x, target = read_bundled(name)
    if name in _IMAGES:
        return table_of_images(x, target)
    import pandas as pd

    frame = pd.DataFrame(x.numpy()).rename(columns=str).assign(target=target.numpy())
    return table_of_columns(frame, "target", f"scikit-learn:{name}", as_classes=not target.is_floating_point())

"""A table ready for a network: standardised inputs, and classes or numbers to predict."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml3zoo.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS = 12
"""A column of text with more levels than this gives one input, the level's number in alphabetical order."""
FARTHEST = 5.0
"""Inputs are cut off at this many standard deviations: one value far out would decide how training goes."""


class Table(NamedTuple):
    """Rows to learn from.

    Attributes:
        features: [rows, inputs], each of mean 0 and standard deviation 1, within ±5 standard deviations.
        target: the class of each row (int64), or the number to predict (float32, as it is in the source), [rows].
        classes: their number; 0 if the target is a number.
    """

    features: Tensor
    target: Tensor
    classes: int


def table_of_columns(frame: pd.DataFrame, target: str, name: str, *, as_classes: bool = False) -> Table:
    """The table of a data frame. Rows with a missing value and columns that are constant are left out.

    A column of numbers is one input, a column of two levels of text too; one of up to 12 levels is an input for each of
    them.

    Args:
        frame: features and target.
        target: name of the target's column. Text, and numbers of only two values, are classes.
        name: of the table, for errors.
        as_classes: whether numbers are classes too, however many.

    Raises:
        DataError: fewer than two rows, inputs or values of the target are left.
    """
    frame = frame.dropna()
    features = [column for each in frame.columns if each != target for column in _inputs(frame[each])]
    features = [column for column in features if column.size and column.std() > 1e-9 * (1 + np.abs(column).max())]
    if not features or len(frame) < 2 or frame[target].nunique() < 2:
        raise DataError(
            f"table {name!r}: {len(frame)} rows without missing values, {len(features)} inputs that vary and "
            f"{frame[target].nunique()} values of {target!r}; at least two rows and values and one input were expected."
        )
    x = np.stack(features, 1)
    x = ((x - x.mean(0)) / x.std(0)).clip(-FARTHEST, FARTHEST)
    y = frame[target]
    if as_classes or not _is_numeric(y) or y.nunique() == 2:
        codes = np.unique(y.to_numpy(), return_inverse=True)[1]
        return Table(_float(x), torch.from_numpy(codes.astype(np.int64)), int(codes.max()) + 1)
    return Table(_float(x), _float(y.to_numpy(np.float64)), 0)


def table_of_images(pixels: Tensor, labels: Tensor) -> Table:
    """The table of flattened images [images, pixels]: scaled all alike, every pixel kept, so that they stay images."""
    x = pixels.float()
    return Table((x - x.mean()) / x.std(), labels.long(), int(labels.max()) + 1)


def _inputs(column: pd.Series) -> list[NDArray[np.float64]]:
    """The inputs that a column gives."""
    if _is_numeric(column):
        return [column.to_numpy(np.float64)]
    levels, codes = np.unique(column.astype(str).to_numpy(), return_inverse=True)
    if len(levels) == 2 or len(levels) > MOST_LEVELS:
        return [codes.astype(np.float64)]
    return [(codes == k).astype(np.float64) for k in range(len(levels))]


def _is_numeric(column: pd.Series) -> bool:
    return column.dtype.kind in "biuf"


def _float(array: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))

"""The data sets that ship with scikit-learn: digits, wine, breast_cancer, iris."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.errors import MissingExtraError


def read_bundled(name: str) -> tuple[Tensor, Tensor]:
    """Features [rows, features] as they are, and classes [rows].

    Args:
        name: of the data set.

    Raises:
        MissingExtraError: scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ImportError as error:
        raise MissingExtraError("Reading scikit-learn's data sets", "apply") from error
    x, labels = getattr(datasets, f"load_{name}")(return_X_y=True)
    return torch.tensor(x, dtype=torch.float32), torch.tensor(labels)

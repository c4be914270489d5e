"""Fashion-MNIST (Xiao, Rasul, Vollgraf 2017, arXiv:1708.07747) in Debian's package dataset-fashion-mnist."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml3zoo.errors import MissingPackageError, UnknownNameError
from ml3zoo.tasks.tables.table import Table, table_of_images

FOLDER = Path("/usr/share/datasets/fashion-mnist")
INSTALL = "apt-get install dataset-fashion-mnist"
_HEADER = {"images": 16, "labels": 8}


def read_debian(name: str) -> Table:
    """``fashion-mnist``: the 60,000 images that its authors train on, 28 by 28 pixels, 10 classes; 190 MB of memory.

    Raises:
        MissingPackageError: the package is not installed.
        UnknownNameError: any other name.
    """
    if name != FOLDER.name:
        raise UnknownNameError(f"no table {name!r} of Debian's packages: {FOLDER.name!r} was expected.")
    if not FOLDER.is_dir():
        raise MissingPackageError("Reading Fashion-MNIST", INSTALL)
    return table_of_images(_read("train-images-idx3-ubyte.gz").view(-1, 28 * 28), _read("train-labels-idx1-ubyte.gz"))


def _read(file: str) -> Tensor:
    """The bytes of a file in the format IDX, without its header."""
    header = _HEADER[file.split("-")[1]]
    return torch.from_numpy(
        np.frombuffer(gzip.decompress((FOLDER / file).read_bytes()), np.uint8, offset=header).copy()
    )

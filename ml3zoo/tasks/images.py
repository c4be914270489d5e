"""Sets of labelled images: scikit-learn's digits, a folder of your own, or a dataset on the Hugging Face Hub."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ml3zoo.errors import DataError, MissingExtraError, UnknownNameError
from ml3zoo.tasks.bundled import read_bundled
from ml3zoo.zoo.hub.reference import SCHEME

DIGITS = "digits"
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"}


@dataclass(frozen=True)
class Images:
    """Labelled images in grey.

    Attributes:
        x: [images, pixels], of mean 0 and standard deviation 1 over all of them.
        labels: index of each image's class, [images].
        side: pixels along an edge.
        names: of the classes.
    """

    x: Tensor
    labels: Tensor
    side: int
    names: tuple[str, ...]


@cache
def read_images(source: str, side: int = 8) -> Images:
    """Read a set of images.

    Args:
        source: ``digits``; a folder that holds a folder of image files for each class; or ``hf://owner/name``, a
            dataset on the Hub that is such a folder.
        side: what images are scaled to; digits have 8.

    Raises:
        UnknownNameError: there is no such folder.
        DataError: it holds fewer than two classes, or an image file that cannot be read.
        HubError: the Hub refuses, or cannot be reached.
        MissingExtraError: a package that reads them is not installed.
    """
    if source == DIGITS:
        return _digits()
    folder = _fetched(source) if source.startswith(SCHEME) else Path(source)
    if not folder.is_dir():
        raise UnknownNameError(
            f"no folder {source}: {DIGITS}, a folder with a folder of images for each class, or {SCHEME}owner/name was "
            "expected."
        )
    return _read_folder(folder, side)


def _digits() -> Images:
    pixels, labels = read_bundled(DIGITS)
    return _standardized(pixels, labels, 8, tuple(map(str, range(10))))


def _fetched(name: str) -> Path:
    from ml3zoo.zoo.hub.dataset import fetch_images

    return fetch_images(name, sorted(_SUFFIXES))


def _read_folder(folder: Path, side: int) -> Images:
    classes = sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))
    files = [(k, file) for k, child in enumerate(classes) for file in sorted(child.iterdir()) if _is_image(file)]
    if len({k for k, _ in files}) < max(2, len(classes)):
        raise DataError(
            f"{folder} has {len(classes)} folders, {len({k for k, _ in files})} of them with images: at least two "
            f"classes were expected, each a folder of images ({', '.join(sorted(_SUFFIXES))})."
        )
    pixels = torch.tensor(np.stack([_read_image(file, side) for _, file in files]), dtype=torch.float32)
    return _standardized(pixels, torch.tensor([k for k, _ in files]), side, tuple(child.name for child in classes))


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in _SUFFIXES


def _read_image(file: Path, side: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("Reading images", "apply") from error
    try:
        with Image.open(file) as image:
            grey = image.convert("L").resize((side, side), Image.Resampling.BOX)
            return np.asarray(grey, dtype=np.float64).reshape(-1)
    except OSError as error:
        raise DataError(f"{file} cannot be read as an image ({error}). Correct or remove it.") from error


def _standardized(pixels: Tensor, labels: Tensor, side: int, names: tuple[str, ...]) -> Images:
    return Images((pixels - pixels.mean()) / pixels.std().clamp_min(1e-6), labels, side, names)

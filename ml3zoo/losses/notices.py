"""Warnings that name the line of whoever uses a loss."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import torch

_OURS = tuple(f"{folder}/" for folder in (Path(__file__).parents[1], Path(torch.__file__).parent))


def warn(message: str) -> None:
    """Warn of a line outside of this library and of torch, which call each other in between."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(message, stacklevel=depth + 1)

"""Reading ``results.json``: what was measured of a loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml3zoo.format.config import LARGEST
from ml3zoo.format.strictjson import read_json


def read_results(folder: Path) -> dict[str, Any]:
    """A loss's ``results.json``; empty if it was never measured.

    Raises:
        ConfigError: the file cannot be read as a JSON object.
    """
    path = folder / "results.json"
    try:
        return read_json(path, LARGEST["results.json"])
    except FileNotFoundError:
        return {}

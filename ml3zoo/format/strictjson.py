"""JSON from strangers: bounded in size and depth, no duplicate keys, no NaN, no half of a character."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from ml3zoo.errors import ConfigError


def read_json(path: Path, largest: int) -> dict[str, Any]:
    """The JSON object a file holds.

    Args:
        path: the file.
        largest: how many bytes it may have.

    Raises:
        FileNotFoundError: there is no such file.
        ConfigError: it is no regular file, too large, no JSON, nested too deeply, or no object.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{path} is no regular file. Do not use it.")
        with path.open("rb") as file:
            raw = file.read(largest + 1)
        if len(raw) > largest:
            raise ConfigError(f"{path} has more than {largest} bytes. Do not use it.")
        value = _decode(raw)
    except (FileNotFoundError, ConfigError):
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be read as JSON ({error}). Pull the loss again.") from error
    if not isinstance(value, dict):
        raise ConfigError(f"{path} holds {type(value).__name__}, a JSON object was expected. Pull the loss again.")
    return value


def to_json(value: dict[str, Any], where: str) -> str:
    """A JSON text, indented, that ``read_json`` reads.

    Raises:
        ConfigError: there is none for this value.
    """
    try:
        # not msgspec's: it writes NaN as null, bytes as text and sets as lists
        text = json.dumps(value, indent=2, ensure_ascii=False)
        _decode(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{where} cannot be written as JSON ({error}). Correct it.") from error
    return text


def _decode(raw: bytes) -> Any:
    """The value of a JSON text. ``msgspec`` is strict but for one thing: of two equal keys it takes the last."""
    value = msgspec.json.decode(raw)
    json.loads(raw, object_pairs_hook=_check_keys)
    return value


def _check_keys(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key appears twice")

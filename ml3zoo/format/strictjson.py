"""JSON from strangers: bounded in size and depth, no duplicate keys, no NaN, no half of a character."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

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
        value = _loads(raw.decode("utf-8"))
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
        text = json.dumps(value, indent=2, ensure_ascii=False)
        _loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{where} cannot be written as JSON ({error}). Correct it.") from error
    return text


def _loads(text: str) -> Any:
    value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
    json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key appears twice")
    return value


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")

"""Names -> folders. Needs neither torch nor the network."""

from __future__ import annotations

import fnmatch
import importlib.util
import json
from pathlib import Path
from typing import Any

from ml3zoo.config import FILE_NAME, read_config
from ml3zoo.errors import ConfigError, UnknownNameError, did_you_mean


def bundled_zoo() -> Path:
    """The folder of the losses that ship with the package."""
    spec = importlib.util.find_spec("ml3zoo.cards")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def list_losses(pattern: str = "*") -> list[str]:
    """Names of the bundled losses that match a shell pattern, sorted."""
    names = (folder.parent.name for folder in bundled_zoo().glob(f"*/{FILE_NAME}"))
    return sorted(name for name in names if fnmatch.fnmatchcase(name, pattern))


def resolve(name: str | Path) -> Path:
    """The folder a name stands for.

    Args:
        name: a bundled loss (``"sine-regression"``), or a folder (``"./my-loss"``; anything with a slash is a path).

    Raises:
        UnknownNameError: there is no such loss or folder.
    """
    text = str(name)
    if text.startswith("hf://"):
        raise UnknownNameError(
            f"{text}: this version reads bundled losses and folders only. Download it and give its path."
        )
    if isinstance(name, Path) or "/" in text or text in {".", ".."}:
        if not Path(name).is_dir():
            raise UnknownNameError(f"no folder {text}: a path to a loss's folder was expected. Run: ml3zoo list")
        return Path(name)
    if text not in list_losses():
        raise UnknownNameError(
            f"no loss named {text!r} in the zoo.{did_you_mean(text, list_losses())} Run: ml3zoo list"
        )
    return bundled_zoo() / text


def read_results(folder: Path) -> dict[str, Any]:
    """A loss's ``results.json``; empty if it was never measured.

    Raises:
        ConfigError: the file is no JSON.
    """
    path = folder / "results.json"
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ConfigError(f"{path} cannot be read as JSON ({error}). Pull the loss again.") from error
    return results


def describe(name: str | Path) -> dict[str, Any]:
    """All that is known of a loss without loading it: its config, its headline and where it lies."""
    folder = resolve(name)
    config = read_config(folder)
    return {
        **config.model_dump(mode="json"),
        "folder": str(folder),
        "headline": read_results(folder).get("headline", ""),
    }

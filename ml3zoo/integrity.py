"""Are the files of a loss's folder the ones its config names? Needs neither torch nor the network."""

from __future__ import annotations

from pathlib import Path

from ml3zoo.config import LossConfig, largest
from ml3zoo.errors import IntegrityError
from ml3zoo.files import sha256

WEIGHTS, GOLDEN = "model.safetensors", "golden.safetensors"


def check_files(folder: Path, config: LossConfig) -> None:
    """Compare every file that the config names, the weights and golden tensors among them, with its sha256.

    Raises:
        IntegrityError: a file is missing, not named, too large or different.
    """
    for name in {WEIGHTS, GOLDEN} | config.sha256.keys():
        check_file(folder, name, config)


def check_file(folder: Path, name: str, config: LossConfig) -> None:
    """Compare one file with the config's sha256.

    Raises:
        IntegrityError: the file is missing, not named in the config, too large or different.
    """
    path = folder / name
    if not path.is_file():
        raise IntegrityError(f"{path} is missing or no regular file. Pull the loss again.")
    size, limit = path.stat().st_size, largest(name) or 0
    if size > limit:
        raise IntegrityError(f"{path} has {size} bytes; at most {limit} were expected. Do not use it.")
    expected = config.sha256.get(name)
    if expected is None:
        raise IntegrityError(f"the config in {folder} names no sha256 for {name}. Save the loss with save_loss.")
    found = sha256(path)
    if found != expected:
        raise IntegrityError(
            f"{path} has sha256 {found[:16]}…, its config says {expected[:16]}…: it was changed or damaged. "
            "Pull the loss again."
        )

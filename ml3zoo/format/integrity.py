"""Checks that a loss's folder holds the files its config names. Needs neither torch nor the network."""

from __future__ import annotations

from pathlib import Path

from ml3zoo.errors import IntegrityError
from ml3zoo.format.config import FILE_NAME, LossConfig, largest
from ml3zoo.format.files import contents, sha256

WEIGHTS, GOLDEN = "model.safetensors", "golden.safetensors"
_LARGEST_HEADER = 2**16
_FILES_OF_TOOLS, _FOLDERS_OF_TOOLS = {".gitattributes"}, {".cache", "__pycache__"}


def check_nothing_else(folder: Path, config: LossConfig) -> None:
    """Check that a folder holds the files its config names and nothing else.

    What ``hf download`` and pip put beside them may stay; ml3zoo never opens it.

    Raises:
        IntegrityError: there is another file.
    """
    others = [name for name in contents(folder) if name not in {FILE_NAME, *config.sha256} and not _of_tools(name)]
    if others:
        raise IntegrityError(
            f"{folder} holds files its config does not name: {', '.join(sorted(others)[:5])}. ml3zoo never opens "
            "them, and nor should you (pickles can run code). Delete them, or pull the loss again."
        )


def _of_tools(name: str) -> bool:
    first, *below = name.split("/")
    return first in (_FOLDERS_OF_TOOLS if below else _FILES_OF_TOOLS)


def check_header(path: Path) -> None:
    """Check that the header of a safetensors file is short, before anything parses it.

    Raises:
        IntegrityError: it names far more than the tensors of a loss.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > _LARGEST_HEADER:
        raise IntegrityError(
            f"{path} is no safetensors file of a loss: its header has {length} bytes, at most {_LARGEST_HEADER} were "
            "expected. Do not use it."
        )


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

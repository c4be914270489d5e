"""Writing files so that nothing half-written is ever left behind."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml3zoo.errors import OutputError


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_hash(path: Path) -> str:
    """The hash git, and so the Hub, knows a file's content by."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def make_folder(folder: Path) -> Path:
    """Create ``folder`` with its parents and see that it can be written to.

    Raises:
        OutputError: it is a file, or this user may not write there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise _cannot_write(folder, error) from error


def check_replaceable(folder: Path, mark: str) -> None:
    """See that ``folder`` is new, empty, or ours: a folder of ours holds a file named ``mark``.

    Raises:
        OutputError: it is a file or holds something else.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file, a folder was expected. Name another place.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / mark).exists():
        raise OutputError(f"{folder} holds other files and no {mark}. Name an empty or new folder.")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` on success, delete it on any error.

    Raises:
        OutputError: the disk is full or the place cannot be written to.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder``; put it in place of ``folder`` on success, delete it on any error.

    Raises:
        OutputError: the disk is full or the place cannot be written to.
    """
    make_folder(folder.parent)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    previous = folder.with_name(f".{folder.name}.{os.getpid()}.previous")
    try:
        partial.mkdir()
        yield partial
        if folder.exists():
            folder.replace(previous)
        try:
            partial.replace(folder)
        except OSError:
            if previous.exists():
                previous.replace(folder)
            raise
    except OSError as error:
        raise _cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(previous, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one piece."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"cannot write {path}: {error.strerror or error}. Nothing was left there; "
        "name another place or make room, and run again."
    )

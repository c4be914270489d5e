"""Writing files: nothing half-written is left behind, and no file of somebody else is lost."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from safetensors import SafetensorError

from ml3zoo.errors import ConfigError, OutputError
from ml3zoo.format.strictjson import read_json

_LARGEST_MARK = 2**26
_WRITE_ERRORS = (OSError, SafetensorError)
_ATTEMPTS = 100
"""How often to try to put a folder in place while other processes put theirs there."""


def sha256(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def git_blob_hash(path: Path) -> str:
    """The hash git, and so the Hub, knows a file's content by."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def make_folder(folder: Path) -> Path:
    """Create ``folder`` with its parents and check that it can be written to.

    Raises:
        OutputError: it is a file, or this user may not write there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise _cannot_write(folder, error) from error


def contents(folder: Path) -> Iterator[str]:
    """The paths of all files below a folder, with forward slashes. Links are not followed.

    Raises:
        OSError: a folder in it cannot be read.
    """
    for place, folders, files in os.walk(folder, onerror=_raise):
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        for name in sorted(files + links):
            yield (Path(place) / name).relative_to(folder).as_posix()


def check_replaceable(folder: Path, mark: str, *, keep: Callable[[str], object] = lambda name: False) -> None:
    """Check that replacing ``folder`` loses no file of somebody else: it is new, empty or ours.

    A folder of ours holds a JSON file named ``mark`` whose ``sha256`` names every other file in it.

    Args:
        folder: what is to be replaced.
        mark: a file's name.
        keep: given a file's path below the folder, whether it may be there although the mark does not name it.

    Raises:
        OutputError: it is a file, the working directory, or holds other files.
    """
    place = _resolved(folder)
    if place.exists() and not place.is_dir():
        raise OutputError(f"{folder} is a file, a folder was expected. Name another place.")
    try:
        ours = _named_by(place / mark)
        others = (name for name in contents(place) if not ours or not (name == mark or name in ours or keep(name)))
        few = list(itertools.islice(others, 3)) if place.exists() else []
    except OSError as error:
        raise _cannot_write(folder, error) from error
    if few:
        without = f"that its {mark} does not name" if ours else f"and no {mark} of ml3zoo"
        raise OutputError(
            f"{folder} holds other files {without}: {', '.join(few)}. They would be lost: "
            "name an empty or new folder, or move them away."
        )


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield an empty file beside ``path`` to write; rename it to ``path`` on success, delete it on any error.

    Its mode is that of any new file, whatever mode the writer gives it.

    Raises:
        OutputError: the disk is full or the place cannot be written to.
    """
    partial = _beside(path, "partial")
    try:
        partial.touch()
        mode = partial.stat().st_mode & 0o777
        yield partial
        partial.chmod(mode)
        partial.replace(path)
    except _WRITE_ERRORS as error:
        raise _cannot_write(path, error) from error
    finally:
        with suppress(OSError):
            partial.unlink()


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``folder``; put it in place of ``folder`` on success, delete it on any error.

    The modes of the files in it are those of new files, whatever modes their writers gave them.
    Where ``folder`` is a link, what it points to is replaced and the link stays.

    Raises:
        OutputError: the disk is full or the place cannot be written to.
    """
    place = _resolved(folder)
    make_folder(place.parent)
    partial = _beside(place, "partial")
    try:
        partial.mkdir()
        yield partial
        _as_new(partial)
        _put(partial, place)
    except (OutputError, *_WRITE_ERRORS) as error:
        message = error if isinstance(error, OutputError) else _cannot_write(folder, error)
        raise OutputError(str(message).replace(str(partial), str(folder))) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def adding_to_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder; on success move its files into ``folder``, on any error none of them.

    Raises:
        OutputError: the disk is full or the place cannot be written to.
    """
    new = not folder.exists()
    make_folder(folder)
    partial = _beside(folder / "files", "partial")
    try:
        partial.mkdir()
        yield partial
        _as_new(partial)
        for path in partial.iterdir():
            path.replace(folder / path.name)
    except _WRITE_ERRORS as error:
        raise _cannot_write(folder, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if new:
            with suppress(OSError):
                folder.rmdir()


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in one piece."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _resolved(folder: Path) -> Path:
    """The folder behind dots and links. The working directory is refused: it cannot be swapped."""
    try:
        place, here = folder.resolve(), Path.cwd()
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{folder} leads nowhere ({error}). Name another place.") from error
    if place == here or place in here.parents:
        raise OutputError(
            f"{folder} is the folder you are in or holds it, and would be replaced as a whole. "
            "Name a folder in it, such as ./my-loss."
        )
    return place


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.{ending}")


def _as_new(folder: Path) -> None:
    """Give all files of a new folder the mode of new files: the folder's own, but that nobody executes them."""
    mode = folder.stat().st_mode & 0o666
    for name in contents(folder):
        if not (folder / name).is_symlink():
            (folder / name).chmod(mode)


def _put(partial: Path, folder: Path) -> None:
    """Put a folder in the place of another. If several processes do so at once, the last one wins."""
    for attempt in range(_ATTEMPTS):
        previous = _beside(folder, "previous")
        with suppress(FileNotFoundError):
            folder.replace(previous)
        try:
            partial.replace(folder)
        except OSError as error:
            overtaken = error.errno in {errno.ENOTEMPTY, errno.EEXIST}
            if not overtaken or attempt == _ATTEMPTS - 1:
                with suppress(OSError):
                    previous.replace(folder)
                raise
            shutil.rmtree(previous, ignore_errors=True)
        else:
            shutil.rmtree(previous, ignore_errors=True)
            return


def _named_by(mark: Path) -> set[str]:
    try:
        named = read_json(mark, _LARGEST_MARK).get("sha256")
    except (ConfigError, FileNotFoundError, NotADirectoryError):
        return set()
    if not isinstance(named, dict):
        return set()
    return {name for name, value in named.items() if isinstance(value, str) and len(value) == 64}


def _raise(error: OSError) -> None:
    raise error


def _cannot_write(path: Path, error: Exception) -> OutputError:
    return OutputError(
        f"cannot write {path}: {_reason(error)}. Nothing was left there; name another place or make room, "
        "and run again."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        source, _, why = error.args[0][0]
        return f"{source} cannot be copied ({why})"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)

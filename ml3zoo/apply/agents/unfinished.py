"""Where finished agents wait for the others: a folder beside the report's, so that a comparison can go on."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ml3zoo.apply.agents.training import MODEL
from ml3zoo.errors import CheckpointError
from ml3zoo.format.files import make_folder, write_text

_IDENTITY = "comparison.json"


@contextmanager
def unfinished_folder(out: Path | None, identity: Mapping[str, object]) -> Iterator[Path]:
    """Yield the folder of a comparison's agents. On success it is deleted; on any error finished agents stay in it.

    Args:
        out: of the report; the folder is called the same with ``.unfinished``. None for a temporary folder.
        identity: JSON values that decide what agents do, but not how many.

    Raises:
        CheckpointError: the folder is of another comparison, or of nobody known.
        OutputError: it cannot be written.
    """
    if out is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    place = out.resolve()
    folder = place.with_name(f"{place.name}.unfinished")
    expected = json.dumps(identity, indent=2, sort_keys=True) + "\n"
    if folder.exists() and _read(folder / _IDENTITY) != expected:
        raise CheckpointError(
            f"{folder} holds agents of another comparison: other settings, another loss or version. Delete it, or "
            "name another --out."
        )
    make_folder(folder)
    write_text(folder / _IDENTITY, expected)
    try:
        yield folder
    except BaseException:
        _keep_finished(folder)
        raise
    shutil.rmtree(folder)


def _keep_finished(folder: Path) -> None:
    begun = [path for path in folder.iterdir() if path.is_dir()]
    finished = [path for path in begun if (path / MODEL).exists()]
    for path in begun if finished else [folder]:
        if path not in finished:
            shutil.rmtree(path)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""

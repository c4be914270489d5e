"""Runs, each made once: in memory, and those of ordinary losses on disk, for they do not depend on a learned loss."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import inspect
import io
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ml3zoo.errors import CheckpointError
from ml3zoo.evaluate.method import Runs
from ml3zoo.format.files import make_folder, replacing
from ml3zoo.meta.identity import identity_of

if TYPE_CHECKING:
    from ml3zoo.evaluate.candidates import Candidate

_CODE = ("tasks", "meta/inner.py", "meta/minibatches.py", "meta/optimizers.py", "meta/step.py")
"""What decides a run of an ordinary loss beside the loss itself; where that changed, runs are made again."""


class RunCache:
    """The runs that candidates have made.

    Args:
        folder: for runs of ordinary losses, so that recipes with the same setups share them; it may be deleted at any
            time. None saves nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._made: dict[Candidate, dict[str, Runs]] = {}

    def find(self, candidate: Candidate) -> dict[str, Runs]:
        """A candidate's runs, by what was run.

        Raises:
            CheckpointError: a file is damaged.
        """
        if candidate not in self._made:
            path = self._path(candidate)
            self._made[candidate] = _read(path) if path and path.exists() else {}
        return self._made[candidate]

    def add(self, candidate: Candidate, runs: dict[str, Runs]) -> None:
        """Keep more runs of a candidate."""
        self.find(candidate).update(runs)
        path = self._path(candidate)
        if path:
            make_folder(path.parent)
            _write(path, self._made[candidate])

    def _path(self, candidate: Candidate) -> Path | None:
        if self._folder is None or candidate.role != "baseline":
            return None
        loss = candidate.loss
        found = identity_of(
            versions=(torch.__version__, _code(), _sources(loss)),
            loss=loss,
            state=loss.state_dict(),
            tasks=candidate.tasks,
        )
        return self._folder / f"{found.digest()[:32]}.npz"


def _sources(loss: nn.Module) -> list[str]:
    """The code of the classes of an ordinary loss, ours too."""
    kinds = {type(module) for module in loss.modules()}
    return sorted(inspect.getsource(kind) for kind in kinds)


@functools.cache
def _code() -> str:
    found = hashlib.sha256()
    room = Path(__file__).parent.parent
    for part in _CODE:
        for path in sorted((room / part).rglob("*.py")) or [room / part]:
            found.update(path.read_bytes() if path.exists() else b"")
    return found.hexdigest()


def _read(path: Path) -> dict[str, Runs]:
    names = [field.name for field in dataclasses.fields(Runs)]
    try:
        with np.load(path, allow_pickle=False) as saved:
            keys = saved["keys"].tolist()
            return {key: Runs(*(saved[f"{k}.{name}"] for name in names)) for k, key in enumerate(keys)}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{path} is damaged ({error}): runs of an ordinary loss were expected. Delete it; they are then made again."
        ) from error


def _write(path: Path, runs: dict[str, Runs]) -> None:
    names = [field.name for field in dataclasses.fields(Runs)]
    arrays = {f"{k}.{name}": getattr(each, name) for k, each in enumerate(runs.values()) for name in names}
    content = io.BytesIO()
    np.savez(content, keys=np.array(list(runs)), **arrays)
    with replacing(path) as partial:
        partial.write_bytes(content.getvalue())

"""Checkpoints: tensors by name and a JSON header in one safetensors file, written atomically."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ml3zoo.__version__ import __version__
from ml3zoo.errors import CheckpointError
from ml3zoo.format.files import replacing
from ml3zoo.meta.identity import Identity

_MOST_NAMED = 3
"""How many changes an error names."""


def save_checkpoint(path: Path, identity: Identity, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint.

    Args:
        path: the file.
        identity: of the meta-training; only the same one may resume.
        header: JSON values.
        tensors: no two may share memory.
    """
    metadata = {"ml3zoo": __version__, "identity": json.dumps(identity.values), "header": json.dumps(header)}
    with replacing(path) as partial:
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, partial, metadata)


def load_checkpoint(
    path: Path, identity: Callable[[dict[str, Tensor]], Identity]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors that ``save_checkpoint`` wrote.

    Args:
        path: the file.
        identity: of the meta-training that wants to resume, given the checkpoint's tensors.

    Raises:
        CheckpointError: the file is damaged, or belongs to another recipe or version.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        version, header = metadata["ml3zoo"], json.loads(metadata["header"])
        found: dict[str, str] = json.loads(metadata["identity"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged ({error}). Delete it and start again.") from error
    if version != __version__:
        raise CheckpointError(
            f"checkpoint {path} was written by ml3zoo {version}, this is {__version__}: it would not continue in "
            "the same way. Start without --resume, or install that version."
        )
    changes = identity(tensors).changes(found)
    if changes:
        more = f" and {len(changes) - _MOST_NAMED} more" if len(changes) > _MOST_NAMED else ""
        raise CheckpointError(
            f"checkpoint {path} was written by another recipe or version of it: {'; '.join(changes[:_MOST_NAMED])}"
            f"{more}. Undo that to go on, or start without --resume, or name another --out."
        )
    return header, tensors


def read_header(path: Path) -> dict[str, Any] | None:
    """The header of a checkpoint; None if there is no readable one."""
    try:
        with safe_open(path, "pt") as file:
            header: dict[str, Any] = json.loads((file.metadata() or {})["header"])
            return header
    except (SafetensorError, OSError, KeyError, ValueError):
        return None

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


def save_checkpoint(path: Path, fingerprint: str, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint.

    Args:
        path: the file.
        fingerprint: identifies the recipe; only the same one may resume.
        header: JSON values.
        tensors: no two may share memory.
    """
    metadata = {"ml3zoo": __version__, "fingerprint": fingerprint, "header": json.dumps(header)}
    with replacing(path) as partial:
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, partial, metadata)


def load_checkpoint(
    path: Path, fingerprint: Callable[[dict[str, Tensor]], str]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors that ``save_checkpoint`` wrote.

    Args:
        path: the file.
        fingerprint: of the recipe that wants to resume, given the checkpoint's tensors.

    Raises:
        CheckpointError: the file is damaged, or belongs to another recipe or version.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        version, found, header = metadata["ml3zoo"], metadata["fingerprint"], json.loads(metadata["header"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged ({error}). Delete it and start again.") from error
    if version != __version__:
        raise CheckpointError(
            f"checkpoint {path} was written by ml3zoo {version}, this is {__version__}: it would not continue in "
            "the same way. Start without --resume, or install that version."
        )
    expected = fingerprint(tensors)
    if found != expected:
        raise CheckpointError(
            f"checkpoint {path} was written by another recipe or version of it ({found[:12]}, this one is "
            f"{expected[:12]}). Start without --resume, or name another --out."
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

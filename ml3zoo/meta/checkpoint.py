"""Checkpoints: a dictionary of tensors and a JSON header in one safetensors file, written atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ml3zoo.errors import CheckpointError
from ml3zoo.files import replacing


def save_checkpoint(path: Path, fingerprint: str, header: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write everything that decides how a run goes on.

    Args:
        path: the file.
        fingerprint: identifies the recipe; only the same one may resume.
        header: JSON values.
        tensors: any tensors.
    """
    metadata = {"fingerprint": fingerprint, "header": json.dumps(header)}
    with replacing(path) as partial:
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, partial, metadata)


def load_checkpoint(path: Path, fingerprint: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read what ``save_checkpoint`` wrote.

    Raises:
        CheckpointError: the file is damaged or belongs to another recipe.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
        found, header = metadata["fingerprint"], json.loads(metadata["header"])
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"checkpoint {path} is damaged ({error}). Delete it and start again.") from error
    if found != fingerprint:
        raise CheckpointError(
            f"checkpoint {path} was written by another recipe or version of it ({found[:12]}, this one is "
            f"{fingerprint[:12]}). Start without --resume, or name another --out."
        )
    return header, tensors

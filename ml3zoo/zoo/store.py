"""A loss <-> a folder: ``config.json``, ``model.safetensors``, ``golden.safetensors``; strict, atomic, verified."""

from __future__ import annotations

import copy
import shutil
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ml3zoo.errors import IntegrityError
from ml3zoo.format.config import FILE_NAME, LossConfig, largest, read_config, write_config
from ml3zoo.format.files import check_replaceable, contents, replacing_folder, sha256
from ml3zoo.format.integrity import GOLDEN, WEIGHTS, check_file, check_files, check_header, check_nothing_else
from ml3zoo.losses import LearnedLoss, build_loss
from ml3zoo.zoo.golden import golden_shapes, record_golden, replay_golden

_MOST_NAMED = 5
"""How many wrong tensors an error names."""


def save_loss(loss: LearnedLoss, folder: str | Path) -> Path:
    """Write a loss into ``folder``, which afterwards holds all of it or is as it was.

    An existing folder is replaced only if it is empty or holds a loss and nothing else; its card and pictures stay.

    Args:
        loss: any learned loss, on any device; its weights are written in float32.
        folder: where to.

    Returns:
        The folder.

    Raises:
        OutputError: the folder holds other files, or cannot be written.
        IntegrityError: a weight is not finite, or its scales are not the ones in its config.
    """
    folder = Path(folder)
    check_replaceable(folder, FILE_NAME, keep=largest)
    loss = copy.deepcopy(loss).to("cpu", torch.float32)
    tensors = {name: tensor.detach().contiguous() for name, tensor in loss.published().items()}
    _check_weights(tensors, loss.config, folder)
    with replacing_folder(folder) as partial:
        with suppress(FileNotFoundError):
            rewritten = shutil.ignore_patterns(FILE_NAME, WEIGHTS, GOLDEN)
            shutil.copytree(folder, partial, ignore=rewritten, dirs_exist_ok=True)
        save_file(tensors, partial / WEIGHTS)
        save_file(record_golden(loss), partial / GOLDEN)
        seal(partial, loss.config)
    return folder


def seal(folder: Path, config: LossConfig) -> None:
    """Write ``config.json`` with the sha256 of every other file of the format in the folder."""
    hashes = {name: sha256(folder / name) for name in sorted(contents(folder)) if largest(name) and name != FILE_NAME}
    write_config(config.replace(sha256=hashes), folder)


def read_loss(folder: Path, *, replay: bool = False) -> LearnedLoss:
    """Build the loss a folder holds, with its weights; parameters frozen.

    Args:
        folder: holds its files.
        replay: also replay its golden tensors; done for a loss from the Hub.

    Raises:
        ConfigError: the config cannot be read.
        IntegrityError: weights or golden tensors are missing, damaged, not finite or not what the config asks for.
    """
    config = read_config(folder)
    check_file(folder, WEIGHTS, config)
    with torch.device("meta"):
        planned = build_loss(config).published()
    tensors = _read(folder / WEIGHTS, "F32", {name: tuple(tensor.shape) for name, tensor in planned.items()})
    _check_weights(tensors, config, folder / WEIGHTS)
    loss = build_loss(config)
    loss.load_state_dict(tensors)
    loss.requires_grad_(False)
    if replay:
        check_file(folder, GOLDEN, config)
        golden = _read(folder / GOLDEN, "F64", golden_shapes(loss))
        _check_finite(golden, folder / GOLDEN)
        replay_golden(loss, golden)
    return loss


def verify(folder: Path) -> list[str]:
    """Check every file of a folder and replay its golden tensors.

    Returns:
        One line per check that was made.

    Raises:
        Ml3zooError: the first thing that is wrong.
    """
    config = read_config(folder)
    check_nothing_else(folder, config)
    check_files(folder, config)
    loss = read_loss(folder, replay=True)
    return [
        f"config.json follows schema {config.schema_version}",
        f"sha256 of {len(config.sha256)} files hold",
        f"{sum(p.numel() for p in loss.parameters())} weights: names and shapes fit, all finite",
        "golden values and gradients reproduced",
    ]


def _read(path: Path, dtype: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors of a file. They are read only after its header was checked to list the expected ones."""
    try:
        check_header(path)
        with safe_open(path, framework="pt") as file:
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {name: (part.get_dtype(), tuple(part.get_shape())) for name, part in parts.items()}
            _compare(found, {name: (dtype, shape) for name, shape in shapes.items()}, path)
            return {name: file.get_tensor(name) for name in shapes}
    except (SafetensorError, OSError) as error:
        raise IntegrityError(f"{path} is missing or no safetensors file ({error}). Pull the loss again.") from error


_Spec = tuple[str, tuple[int, ...]]
"""A tensor's type, as safetensors names it, and shape."""


def _compare(found: dict[str, _Spec], expected: dict[str, _Spec], path: Path) -> None:
    wrong = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    if wrong:
        differences = "; ".join(
            f"{name:.80}: expected {_text(expected.get(name))}, got {_text(found.get(name))}"
            for name in wrong[:_MOST_NAMED]
        )
        raise IntegrityError(f"{path} does not fit its config ({differences}). Pull the loss again.")


def _text(spec: _Spec | None) -> str:
    return f"{spec[0]} {list(spec[1])}"[:80] if spec else "nothing"


def _check_weights(tensors: dict[str, Tensor], config: LossConfig, path: Path) -> None:
    _check_finite(tensors, path)
    for name in ("shift", "scale"):
        expected = torch.tensor([getattr(signal, name) for signal in config.signals], dtype=torch.float32)
        if not torch.equal(tensors[name], expected):
            raise IntegrityError(
                f"{path}: {name} holds {tensors[name].tolist()}, the signals of its config say {expected.tolist()}. "
                "Pull the loss again."
            )


def _check_finite(tensors: dict[str, Tensor], path: Path) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise IntegrityError(f"{path}: {name} holds NaN or infinity, finite numbers were expected. Do not use it.")

"""A loss <-> a folder: ``config.json``, ``model.safetensors``, ``golden.safetensors``; strict, atomic, verified."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ml3zoo.config import FILE_NAME, LossConfig, largest, read_config, write_config
from ml3zoo.errors import IntegrityError
from ml3zoo.files import check_replaceable, contents, replacing_folder, sha256
from ml3zoo.golden import record_golden, replay_golden
from ml3zoo.integrity import GOLDEN, WEIGHTS, check_file, check_files
from ml3zoo.losses import LearnedLoss, build_loss


def save_loss(loss: LearnedLoss, folder: str | Path) -> Path:
    """Write a loss into ``folder``, which afterwards holds all of it or is as it was.

    An existing folder is replaced only if it is empty or holds a loss and nothing else; its card and pictures are
    kept.

    Args:
        loss: any learned loss, on any device.
        folder: where to.

    Returns:
        The folder.

    Raises:
        OutputError: the folder holds files of another kind, or cannot be written.
        IntegrityError: a weight is not finite.
    """
    folder = Path(folder)
    check_replaceable(folder, FILE_NAME, kept=largest)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in loss.state_dict().items()}
    _check_finite(tensors, str(folder))
    with replacing_folder(folder) as partial:
        with suppress(FileNotFoundError):
            anew = shutil.ignore_patterns(FILE_NAME, WEIGHTS, GOLDEN)
            shutil.copytree(folder, partial, ignore=anew, dirs_exist_ok=True)
        save_file(tensors, partial / WEIGHTS)
        save_file(record_golden(loss), partial / GOLDEN)
        seal(partial, loss.config)
    return folder


def seal(folder: Path, config: LossConfig) -> None:
    """Write ``config.json`` with the sha256 of every other file of the format in the folder."""
    hashes = {name: sha256(folder / name) for name in sorted(contents(folder)) if largest(name) and name != FILE_NAME}
    write_config(config.model_copy(update={"sha256": hashes}), folder)


def read_loss(folder: Path, *, replay: bool = False) -> LearnedLoss:
    """Build the loss a folder holds, with its weights; parameters frozen.

    Args:
        folder: where it lies.
        replay: also replay its golden tensors, for a loss that comes from elsewhere.

    Raises:
        ConfigError: the config cannot be read.
        IntegrityError: the weights are missing, damaged, not finite or not the ones the config names.
    """
    config = read_config(folder)
    check_file(folder, WEIGHTS, config)
    tensors = _read(folder / WEIGHTS)
    with torch.device("meta"):
        planned = build_loss(config).state_dict()
    expected = {name: tuple(tensor.shape) for name, tensor in planned.items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if expected != found:
        wrong = sorted(name for name in expected | found if expected.get(name) != found.get(name))
        told = "; ".join(
            f"{n}: expected {expected.get(n, 'nothing')}, got {found.get(n, 'nothing')}" for n in wrong[:5]
        )
        raise IntegrityError(f"{folder / WEIGHTS} does not fit its config ({told}). Pull the loss again.")
    _check_finite(tensors, str(folder / WEIGHTS))
    loss = build_loss(config)
    loss.load_state_dict(tensors)
    loss.requires_grad_(False)
    if replay:
        check_file(folder, GOLDEN, config)
        replay_golden(loss, _read(folder / GOLDEN))
    return loss


def verify(folder: Path) -> list[str]:
    """Check every file of a folder and replay its golden tensors.

    Returns:
        One line per check that was made.

    Raises:
        Ml3zooError: the first thing that is wrong.
    """
    config = read_config(folder)
    strangers = sorted(set(contents(folder)) - {FILE_NAME, *config.sha256})
    if strangers:
        raise IntegrityError(
            f"{folder} holds files its config does not name: {', '.join(strangers[:5])}. ml3zoo never opens them, "
            "and nor should you (pickles can run code). Delete them, or pull the loss again."
        )
    check_files(folder, config)
    loss = read_loss(folder, replay=True)
    return [
        f"config.json follows schema {config.schema_version}",
        f"sha256 of {len(config.sha256)} files hold",
        f"{sum(p.numel() for p in loss.parameters())} weights: names and shapes fit, all finite",
        "golden values and gradients reproduced",
    ]


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise IntegrityError(f"{path} is missing or no safetensors file ({error}). Pull the loss again.") from error


def _check_finite(tensors: dict[str, Tensor], where: str) -> None:
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            raise IntegrityError(f"{where}: {name} holds {tensor.dtype}, floating point was expected. Pull it again.")
        if not tensor.isfinite().all():
            raise IntegrityError(f"{where}: {name} holds NaN or infinity. These weights cannot be used.")

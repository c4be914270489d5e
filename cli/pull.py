"""``ml3zoo pull``: get a loss and see that it is whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ml3zoo.config import FILE_NAME, read_config
from ml3zoo.errors import IntegrityError
from ml3zoo.files import check_replaceable, replacing_folder, sha256
from ml3zoo.zoo import resolve

from .output import Json, Name, show_json, talk


def pull(
    name: Name,
    to: Annotated[Path | None, typer.Option(help="Also copy it into this folder.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Get a loss, check its files, and print where it is. Bundled losses need no network."""
    folder = resolve(name)
    config = read_config(folder)
    for file, expected in config.sha256.items():
        if not (folder / file).is_file() or sha256(folder / file) != expected:
            raise IntegrityError(f"{folder / file} is missing or was changed. Reinstall ml3zoo or pull it again.")
    if to is not None:
        check_replaceable(to, FILE_NAME)
        with replacing_folder(to) as partial:
            for file in [FILE_NAME, *config.sha256]:
                (partial / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / file, partial / file)
        folder = to
    reference = config.name if to is None else f"./{to}" if not to.is_absolute() else str(to)
    if json:
        show_json({"name": config.name, "folder": str(folder), "sha256": config.sha256})
        return
    typer.echo(folder)
    talk(f"{config.name}: the sha256 of {len(config.sha256)} files hold. Use it:\n")
    steps = f", total_steps={config.inner.steps}" if _uses_progress(config.model_dump()) else ""
    talk("    import torch\n    from ml3zoo import load_loss")
    talk(f'    loss = load_loss("{reference}"{steps})')
    talk("    prediction = torch.zeros(100, 1, requires_grad=True)  # your model(x)")
    talk("    loss(prediction, torch.randn(100, 1)).backward()")


def _uses_progress(config: dict[str, list[dict[str, str]]]) -> bool:
    return any(signal["signal"] in {"progress", "elapsed", "remaining"} for signal in config["signals"])

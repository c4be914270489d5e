"""``ml3zoo pull``: get a loss and see that it is whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from ml3zoo.config import FILE_NAME, read_config
from ml3zoo.files import check_replaceable, replacing_folder
from ml3zoo.integrity import check_files
from ml3zoo.zoo import locate

from .output import Json, Name, say, show_json, talk


def pull(
    name: Name,
    to: Annotated[Path | None, typer.Option(help="Also copy it into this folder.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Get a loss, check its files, and print where it is. What is bundled or cached needs no network."""
    if to is not None:
        check_replaceable(to, FILE_NAME)
    folder, source = locate(name)
    config = read_config(folder)
    check_files(folder, config)
    reference = str(source or name)
    if to is not None:
        with replacing_folder(to) as partial:
            for file in [FILE_NAME, *config.sha256]:
                (partial / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / file, partial / file)
        folder, reference = to, str(to) if to.is_absolute() else f"./{to}"
    if json:
        show_json(
            {"name": config.name, "folder": str(folder), "source": source and str(source), "sha256": config.sha256}
        )
        return
    say(folder)
    talk(f"{config.name}: the sha256 of {len(config.sha256)} files hold. Use it:\n")
    steps = f", total_steps={config.inner.steps}" if config.uses_progress else ""
    talk("    import torch\n    from ml3zoo import load_loss")
    talk(f'    loss = load_loss("{reference}"{steps})')
    talk("    prediction = torch.zeros(100, 1, requires_grad=True)  # your model(x)")
    talk("    loss(prediction, torch.randn(100, 1)).backward()")

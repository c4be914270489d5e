"""``ml3zoo pull``: get a loss and check its files."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from ml3zoo.format.config import FILE_NAME, LossConfig, check_family, read_config
from ml3zoo.format.files import check_replaceable, replacing_folder
from ml3zoo.format.integrity import check_files
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.zoo.names import call, locate, usage

from .output import Json, Name, say, show_json, talk


def pull(
    name: Name,
    to: Annotated[Path | None, typer.Option(help="Also copy it into this folder.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Get and check a loss, print its folder.

    Bundled and cached losses need no network.
    """
    if to is not None:
        check_replaceable(to, FILE_NAME)
    folder, source = locate(name)
    config = read_config(folder)
    check_family(config)
    check_files(folder, config)
    use = usage(source or name if to is None else to, config)
    if to is not None:
        with replacing_folder(to) as partial:
            for file in [FILE_NAME, *config.sha256]:
                (partial / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / file, partial / file)
        folder = to
    if json:
        show_json(
            {"name": config.name, "folder": str(folder), "source": source and str(source), "sha256": config.sha256}
        )
        return
    say(folder)
    talk(f"{config.name}: {len(config.sha256)} files are as their sha256 says. Use it:\n")
    for line in _snippet(use, config):
        talk(f"    {line}")


def _snippet(use: str, config: LossConfig) -> list[str]:
    """Lines that run as they stand, to be filled with the user's own."""
    lengths: dict[str, int] = defaultdict(lambda: 1)
    lengths |= {name: len(value) for name, value in config.architecture.items() if isinstance(value, list | tuple)}
    sample = find_problem_type(config.problem_type).sample_call
    arguments = ["prediction", "target", *(["feature"] if config.uses_feature else [])]
    lines = [f"{name} = {sample[name].format_map(lengths)}" for name in arguments]
    return ["import torch", "from ml3zoo import load_loss", *lines, f"loss = {use}", f"{call(config)}.backward()"]

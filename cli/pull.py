"""``ml3zoo pull``: get a loss and see that it is whole."""

from __future__ import annotations

import shutil
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import typer

from ml3zoo.format.config import FILE_NAME, LossConfig, check_family, read_config
from ml3zoo.format.files import check_replaceable, replacing_folder
from ml3zoo.format.integrity import check_files
from ml3zoo.zoo.names import call, locate, usage

from .output import Json, Name, say, show_json, talk

_BATCHES = {
    "regression": (
        "prediction = torch.zeros(100, 1, requires_grad=True)  # your model(x)",
        "target = torch.randn(100, 1)  # your y",
        "feature = torch.randn(100, 1)  # what it is, its card tells",
    ),
    "classification": (
        "prediction = torch.zeros(100, 2, requires_grad=True)  # your model(x), a logit for each class",
        "target = torch.randint(2, (100,))  # your y, the classes",
        "feature = torch.randn(100, 2)  # what it is, its card tells",
    ),
    "trajectory": (
        "prediction = torch.zeros(100, {action}, requires_grad=True)  # your policy(states)",
        "target = torch.zeros(100, {goal})  # your goal, at each step",
        "feature = torch.zeros(100, {state})  # your states",
    ),
}
"""What losses of each kind take, as Python."""


def pull(
    name: Name,
    to: Annotated[Path | None, typer.Option(help="Also copy it into this folder.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Get a loss, checked, and print its folder.

    What is bundled or cached needs no network.
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
    talk(f"{config.name}: the sha256 of {len(config.sha256)} files hold. Use it:\n")
    for line in _snippet(use, config):
        talk(f"    {line}")


def _snippet(use: str, config: LossConfig) -> list[str]:
    """Lines that run as they stand, to be filled with the user's own."""
    numbers: dict[str, int] = defaultdict(lambda: 1)
    numbers |= {name: len(value) for name, value in config.architecture.items() if isinstance(value, list | tuple)}
    batch = [line.format_map(numbers) for line in _BATCHES[config.problem_type][: 3 if config.uses_feature else 2]]
    return ["import torch", "from ml3zoo import load_loss", f"loss = {use}", *batch, f"{call(config)}.backward()"]

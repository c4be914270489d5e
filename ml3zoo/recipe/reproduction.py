"""All cards measured again, and the one file that says what came of it: ``ml3zoo bench --all``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from ml3zoo.__version__ import __version__
from ml3zoo.errors import ConfigError, InputError, MissingExtraError, MissingPackageError
from ml3zoo.format.config import FILE_NAME
from ml3zoo.format.files import sha256, write_text
from ml3zoo.format.schema import Strict, parse
from ml3zoo.format.strictjson import read_json, to_json
from ml3zoo.recipe.bench import rerun, rerun_headline
from ml3zoo.zoo.names import list_losses, resolve

_LARGEST = 2**20


class ReproducedLoss(Strict, frozen=True):
    """What came of measuring a loss again.

    Attributes:
        name: of the loss.
        card: hash of its config, which has those of its other files.
        numbers: how many of the card's were measured again.
        differs: whether one of them was not reproduced.
        text: the outcome in a line.
    """

    name: str
    card: str
    numbers: int
    differs: bool
    text: str


class Reproduction(Strict, frozen=True):
    """All losses, measured again.

    Attributes:
        command: what was run.
        ml3zoo: its version.
        torch: the version of torch.
        losses: those that are done.
    """

    command: str
    ml3zoo: str
    torch: str
    losses: tuple[ReproducedLoss, ...] = ()

    def markdown(self) -> list[str]:
        """A table, a line for each loss."""
        rows = (f"| {each.name} | {each.numbers} | {_told(each)} |" for each in self.losses)
        return ["| loss | numbers | |", "|---|---|---|", *rows]


def reproduce(path: Path, *, quick: bool) -> Iterator[ReproducedLoss]:
    """Measure every bundled loss again, and write the file after each.

    Args:
        path: the file. Losses that it has already, whose cards are the same, are not measured again.
        quick: the headlines alone, on the tasks of one seed.

    Raises:
        InputError: the file is of another command or version, or none of ours.
        OutputError: it cannot be written.
    """
    done = _begun(path, quick)
    known = {(each.name, each.card): each for each in done.losses if each.numbers}
    now = {name: sha256(resolve(name) / FILE_NAME) for name in list_losses()}
    for key in now.items():
        if key not in known:
            known[key] = _again(*key, quick)
            ordered = tuple(known[each] for each in now.items() if each in known)
            write_text(path, to_json(done.replace(losses=ordered).builtins(), str(path)) + "\n")
        yield known[key]


def read_reproduction(path: Path) -> Reproduction:
    """What the file says.

    Raises:
        InputError: it is none of ours.
    """
    try:
        return parse(Reproduction, read_json(path, _LARGEST), str(path))
    except ConfigError as error:
        raise InputError(f"{path} holds something else than benched losses ({error}) Name another file.") from error


def _begun(path: Path, quick: bool) -> Reproduction:
    command = f"ml3zoo bench --all{' --quick' if quick else ''}"
    fresh = Reproduction(command, __version__, str(torch.__version__))
    if not path.exists():
        return fresh
    found = read_reproduction(path)
    if found.replace(losses=()) != fresh:
        raise InputError(
            f"{path} was written by {found.command!r} of ml3zoo {found.ml3zoo} with torch {found.torch}, this is "
            f"{command!r} of {__version__} with {torch.__version__}. Name another file, or delete that one."
        )
    return found


def _again(name: str, card: str, quick: bool) -> ReproducedLoss:
    try:
        if quick:
            headline = rerun_headline(name)
            return ReproducedLoss(name, card, 1, headline.differs, str(headline))
        report = rerun(name)
    except (MissingExtraError, MissingPackageError) as error:
        return ReproducedLoss(name, card, 0, False, f"not measured: {error}")
    return ReproducedLoss(name, card, len(report.rows), report.differs, report.verdict)


def _told(loss: ReproducedLoss) -> str:
    return f"**{loss.text}**" if loss.differs else loss.text

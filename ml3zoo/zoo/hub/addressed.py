"""The card that readers on the Hub get: its commands name the repository that it lies in."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml3zoo.errors import UnknownNameError
from ml3zoo.format.config import LossConfig, read_config
from ml3zoo.format.results import Results
from ml3zoo.zoo.card import render_card
from ml3zoo.zoo.hub.reference import SCHEME, HubReference, official, parse_reference
from ml3zoo.zoo.store import seal

CARD = "README.md"
_ADDRESS = re.compile(rf'load_loss\("({re.escape(SCHEME)}[^"]+)"')


def address_in(name: str, reference: HubReference) -> str:
    """What a loss's card calls it in a repository; nothing in the official zoo, whose losses are known by their names.

    A card cannot name its own commit, so it names the repository: its newest commit.
    """
    return "" if reference.repo == official(name).repo else str(HubReference(reference.repo))


def address_of(card: str) -> str:
    """What a card calls its loss; nothing if it is the loss's name."""
    found = _ADDRESS.search(card)
    try:
        return str(parse_reference(found[1])) if found else ""
    except UnknownNameError:
        return ""


@contextmanager
def published(folder: Path, results: Results, reference: HubReference) -> Iterator[tuple[Path, LossConfig]]:
    """A copy of a loss's folder as a repository is to hold it, and its config.

    Args:
        folder: of the loss.
        results: of the loss.
        reference: the repository.
    """
    config = read_config(folder)
    wanted = render_card(config, results, folder, address=address_in(config.name, reference))
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / "loss"
        shutil.copytree(folder, copy)
        if (copy / CARD).read_text(encoding="utf-8") != wanted:
            (copy / CARD).write_text(wanted, encoding="utf-8")
            seal(copy, config)
        yield copy, read_config(copy)

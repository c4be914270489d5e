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
from ml3zoo.zoo.hub.reference import SCHEME, HubReference, official, parse_reference
from ml3zoo.zoo.store import seal

CARD = "README.md"
_INSTALL = "```bash\npip install ml3zoo\n```\n\n"
_SNIPPET = "```python\nimport torch\nfrom ml3zoo import load_loss\n"
_ELSEWHERE = re.compile(r"  # outside ml3zoo's own zoo: .*| *; outside ml3zoo's own zoo (?=the recipe )")
_ADDRESS = re.compile(rf'load_loss\("({re.escape(SCHEME)}[^"]+)"')


def addressed(card: str, name: str, reference: HubReference) -> str:
    """A card as its recipe makes it -> the one for a repository. Those of the official zoo are known by their names.

    A card cannot name its own commit, so it names the repository: its newest commit.
    """
    if reference.repo == official(name).repo:
        return card
    where = str(HubReference(reference.repo))
    changes = {
        f'load_loss("{name}"': f'load_loss("{where}"',
        f"`ml3zoo bench {name}`": f"`ml3zoo bench {where} --recipe ./recipe.py`",
        f"`ml3zoo train {name}`": "`ml3zoo train ./recipe.py`",
        _SNIPPET: _INSTALL + _SNIPPET,
    }
    for old, new in changes.items():
        assert old in card, f"a card has {old}"
        card = card.replace(old, new, 1)
    return _ELSEWHERE.sub(lambda match: "; " if ";" in match[0] else "", card)


def address_of(card: str) -> HubReference | None:
    """The repository that a card was made for; None if for none."""
    found = _ADDRESS.search(card)
    try:
        return parse_reference(found[1]) if found else None
    except UnknownNameError:
        return None


@contextmanager
def published(folder: Path, card: str, reference: HubReference) -> Iterator[tuple[Path, LossConfig]]:
    """A copy of a loss's folder as a repository is to hold it, and its config.

    Args:
        folder: of the loss.
        card: as its results make it.
        reference: the repository.
    """
    config = read_config(folder)
    wanted = addressed(card, config.name, reference)
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made) / "loss"
        shutil.copytree(folder, copy)
        if (copy / CARD).read_text(encoding="utf-8") != wanted:
            (copy / CARD).write_text(wanted, encoding="utf-8")
            seal(copy, config)
        yield copy, read_config(copy)

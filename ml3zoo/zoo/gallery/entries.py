"""A loss's folder -> what the gallery shows of it. Nothing of it is trusted: it is checked, and escaped by the page."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from pathlib import Path

from ml3zoo.errors import IntegrityError
from ml3zoo.format.config import PICTURE, LossConfig, check_family
from ml3zoo.format.integrity import check_files
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.format.results import CostResult, Results, read_results
from ml3zoo.zoo.gallery.chart import Bar, Outcomes, bars, outcomes
from ml3zoo.zoo.names import LossDescription, bundled_zoo, describe

_SHOWN_LAST = ("gain", "learning_curves", "ranks", "meta_training")
"""Pictures that every loss has: those that show what is special about one come before them."""
_SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
CARD = "README.md"
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """A picture of a loss.

    Attributes:
        path: where it is.
        width: in pixels.
        height: in pixels.
    """

    path: Path
    width: int
    height: int

    @property
    def title(self) -> str:
        """What it shows."""
        return self.path.stem.replace("_", " ")


@dataclass(frozen=True)
class Entry:
    """What the gallery shows of a loss.

    Attributes:
        slug: names it in the page; no other loss there has it.
        loss: what is known of it.
        snippet: Python that uses it, as in its card.
        pictures: the one that shows most first.
        results: what was measured; None if nothing was.
    """

    slug: str
    loss: LossDescription
    snippet: str
    pictures: tuple[Picture, ...]
    results: Results | None

    @property
    def config(self) -> LossConfig:
        """What the loss is."""
        return self.loss.config

    @property
    def source(self) -> str:
        """Where it is from; empty for the bundled zoo."""
        folder, source = self.loss.location
        return "" if folder.parent == bundled_zoo() else str(source or folder)

    @property
    def gain(self) -> float | None:
        """By how many percent the error is lower."""
        return -self.loss.recommendation.percent if self.loss.recommendation else None

    @property
    def bars(self) -> list[Bar]:
        """How the error changes."""
        return bars(self.results) if self.results else []

    @property
    def outcomes(self) -> Outcomes | None:
        """In how many setups it is better and worse."""
        return outcomes(self.results) if self.results else None

    @property
    def cost(self) -> CostResult | None:
        """Time per call for a small batch."""
        return self.results.cost[0] if self.results and self.results.cost else None

    @property
    def times(self) -> float | None:
        """How many times the ordinary loss's time that is."""
        return self.cost.learned_us / self.cost.ordinary_us if self.cost and self.cost.ordinary_us > 0 else None

    @property
    def formula(self) -> str:
        """The loss as a formula; empty if it has none."""
        return (self.results.formula if self.results else None) or ""

    @property
    def glossary(self) -> str:
        """What the names in the formula mean."""
        return find_problem_type(self.config.problem_type).glossary(self.formula) if self.formula else ""

    @property
    def searched(self) -> str:
        """What a reader's words are looked for in."""
        signals = " ".join(signal.signal for signal in self.config.signals)
        config = self.config
        return f"{config.name} {config.problem_type} {config.use_for} {config.summary} {signals}"

    def place(self, picture: Picture) -> str:
        """Where a picture lies in the gallery, with forward slashes."""
        return f"assets/{self.slug}/{picture.path.name}"


def read_entry(name: str | Path) -> Entry:
    """Read a loss's folder and check its files.

    Args:
        name: a loss of the zoo, ``hf://org/name@revision``, or a folder.

    Raises:
        UnknownNameError: there is no such loss or folder.
        ConfigError: its config or its results cannot be read.
        IntegrityError: a file is not what its config says, or a picture is none.
    """
    loss = describe(name)
    folder, config = loss.location.folder, loss.config
    check_family(config)
    check_files(folder, config)
    pictures = [_picture(folder / path) for path in config.sha256 if re.fullmatch(PICTURE, path)]
    card = (folder / CARD).read_text(encoding="utf-8", errors="replace") if CARD in config.sha256 else ""
    return Entry(
        slug=config.name,
        loss=loss,
        snippet=_snippet(card) or f"from ml3zoo import load_loss\n\nloss = {loss.use}\n{loss.call}.backward()\n",
        pictures=tuple(sorted(pictures, key=_order)),
        results=read_results(folder),
    )


def _order(picture: Picture) -> tuple[int, float]:
    """Wide pictures come first, for such is the place of the first one."""
    name = picture.path.stem
    return (_SHOWN_LAST.index(name) if name in _SHOWN_LAST else -1), -picture.width / max(picture.height, 1)


def _snippet(card: str) -> str:
    """The first Python of a card; empty if it has none."""
    found = _SNIPPET.search(card)
    return found[1] if found else ""


def _picture(path: Path) -> Picture:
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or not head.startswith(_PNG):
        raise IntegrityError(
            f"{path} is no PNG picture, though its name says so. Draw the loss again, or leave it out."
        )
    width, height = struct.unpack(">II", head[16:])
    return Picture(path, width, height)

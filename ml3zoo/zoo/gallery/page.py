"""The gallery as one page and a folder of pictures: opens from disk, needs no server and no network."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup, escape

from ml3zoo import __version__
from ml3zoo.errors import UnknownNameError
from ml3zoo.format.config import FILE_NAME
from ml3zoo.format.files import check_replaceable, contents, replacing_folder, sha256, write_text
from ml3zoo.format.text import plain
from ml3zoo.zoo.gallery.entries import Entry, read_entry
from ml3zoo.zoo.names import is_path, list_losses
from ml3zoo.zoo.templating import templates_of

MARK, PAGE = "gallery.json", "index.html"
"""The file that tells a gallery from other folders, and the one to open."""


def write_gallery(folder: str | Path, losses: Iterable[str | Path] | None = None) -> list[Entry]:
    """Write a gallery. It replaces an older one as a whole, or on any error not at all.

    Args:
        folder: new, empty or a gallery.
        losses: names of losses, their folders, folders of such folders, or ``hf://org/name@revision``; the bundled zoo
            if not given.

    Returns:
        What it shows, in the page's order.

    Raises:
        OutputError: the folder holds other files, or cannot be written.
        UnknownNameError: there is no such loss, or none at all.
        ConfigError: a loss's config or results cannot be read.
        IntegrityError: a loss's file is not what its config says.
    """
    folder = Path(folder)
    check_replaceable(folder, MARK)
    entries = _gather(name for place in (list_losses() if losses is None else losses) for name in _losses(place))
    if not entries:
        raise UnknownNameError("no loss to show: name at least one loss, or a folder of one. Run: ml3zoo list")
    with replacing_folder(folder) as partial:
        write_text(partial / PAGE, render_gallery(entries))
        for entry in entries:
            for picture in entry.pictures:
                place = partial / entry.place(picture)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(picture.path, place)
        mark = {"ml3zoo": __version__, "sha256": {name: sha256(partial / name) for name in sorted(contents(partial))}}
        write_text(partial / MARK, json.dumps(mark, indent=1) + "\n")
    return entries


def render_gallery(entries: Sequence[Entry]) -> str:
    """The page. All that folders hold is escaped, and the page runs no script but its own."""
    environment = templates_of("ml3zoo.zoo.gallery", escaped=True).overlay(finalize=_shown)
    environment.filters |= {"time": _time, "times": _times, "marked_up": _marked_up}
    source = environment.loader
    assert source is not None
    style, script = (_Inline(source.get_source(environment, f"gallery.{kind}")[0]) for kind in ("css", "js"))
    problems = Counter(entry.config.problem_type for entry in entries)
    return environment.get_template("gallery.html.j2").render(
        entries=entries, problems=sorted(problems.items()), style=style, script=script, version=__version__
    )


class _Inline(NamedTuple):
    """A style or script of our own, and what the page's security policy knows it by."""

    source: str

    @property
    def text(self) -> Markup:
        return Markup(self.source)

    @property
    def hash(self) -> Markup:
        digest = hashlib.sha256(self.source.encode()).digest()
        return Markup(f"sha256-{base64.b64encode(digest).decode()}")


def _gather(names: Iterable[str | Path]) -> list[Entry]:
    """The losses by these names, each folder once; the largest gain comes first, what was not measured last."""
    found = {entry.loss.location.folder.resolve(): entry for entry in map(read_entry, names)}
    entries: dict[str, Entry] = {}
    for entry in sorted(found.values(), key=_order):
        numbered = (f"{entry.slug}-{number}" for number in itertools.count(2))
        slug = next(slug for slug in itertools.chain([entry.slug], numbered) if slug not in entries)
        entries[slug] = replace(entry, slug=slug)
    return list(entries.values())


def _order(entry: Entry) -> tuple[float, str]:
    return math.inf if entry.gain is None else -entry.gain, entry.config.name


def _losses(place: str | Path) -> list[str | Path]:
    """What a place names: itself, or the losses in it if it is a folder of them.

    Raises:
        UnknownNameError: it is a folder, and there is no loss in it.
    """
    folder = Path(place)
    if not is_path(place) or not folder.is_dir() or (folder / FILE_NAME).exists():
        return [place]
    found = sorted(path.parent for path in folder.glob(f"[!.]*/{FILE_NAME}"))
    if not found:
        raise UnknownNameError(
            f"no loss in {place}: a folder with a {FILE_NAME}, or a folder of such folders, was expected."
        )
    return list(found)


def _shown(value: object) -> object:
    """What stands in the page for a value: text from folders cannot pose as other text."""
    return plain(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _time(microseconds: float) -> str:
    return f"{microseconds:.0f} µs" if microseconds < 1000 else f"{microseconds / 1000:.1f} ms"


def _times(ratio: float) -> str:
    return f"{ratio:.1f} ×" if ratio < 10 else f"{ratio:.0f} ×"


def _marked_up(text: str) -> Markup:
    """Escaped text whose parts between backticks are code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(plain(text)))))

"""The site's pages: README, docs and cards where they lie in the repository, so that their links hold.

Besides these, made anew each time: an overview of the losses, their gallery, and what each command of ``ml3zoo`` takes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ml3zoo.zoo.gallery.page import PAGE, write_gallery

ROOT = Path(__file__).parents[2]
CARDS, GALLERY = "cards", "gallery"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every page and picture, and fill in what the navigation says of whole folders."""
    for path in _sources():
        place = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, place, abs_src_path=str(path)))
    files.append(File.generated(config, f"{CARDS}/README.md", content=_losses()))
    files.append(File.generated(config, "commands.md", content=_commands()))
    pages = sorted(file.src_uri for file in files.documentation_pages())
    config.nav = _filled(config.nav, pages)
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """What GitHub folds is Markdown there."""
    return markdown.replace("<details>", '<details markdown="1">')


def on_post_build(config: MkDocsConfig) -> None:
    """The gallery beside the pages."""
    write_gallery(Path(config.site_dir) / GALLERY)


def _sources() -> Iterator[Path]:
    yield ROOT / "README.md"
    for pattern in ("docs/*.md", "docs/frameworks/*.md", "cards/*/README.md", "cards/*/plots/*.png"):
        yield from sorted(ROOT.glob(pattern))


def _losses() -> str:
    learned, written = (
        _output("ml3zoo.cli", "list", which, "--markdown").replace(f"]({CARDS}/", "](")
        for which in ("--learned", "--hand-made")
    )
    gallery = f"<a href='../{GALLERY}/{PAGE}'>The gallery</a> shows them at a glance."
    return f"# Losses\n\n{gallery}\n\n{learned}\n\n## Written by hand\n\n{written}"


def _commands() -> str:
    return _output("typer", "ml3zoo.cli", "utils", "docs", "--name", "ml3zoo", "--title", "Commands")


def _output(*command: str) -> str:
    """What ``python -m ...`` prints."""
    return subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True, text=True).stdout


def _filled(entry: Any, pages: list[str]) -> Any:
    """The navigation: a folder stands for its pages, an index first; a page that is not written is left out."""
    if isinstance(entry, dict):
        return {title: _filled(below, pages) for title, below in entry.items()}
    if isinstance(entry, list):
        return [each for below in entry for each in _below(below, pages)]
    return entry if entry in pages else _below(entry, pages)


def _below(entry: Any, pages: list[str]) -> list[Any]:
    if not isinstance(entry, str):
        return [_filled(entry, pages)]
    return sorted((page for page in pages if page == entry or page.startswith(f"{entry}/")), key=_place)


def _place(page: str) -> tuple[int, list[str]]:
    return page.count("/"), page.split("/")

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
from ml3zoo.zoo.names import describe, list_losses

ROOT = Path(__file__).parents[2]
GALLERY = "gallery"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every page and picture, and fill in what the navigation says of whole folders."""
    for path in _sources():
        place = path.relative_to(ROOT).as_posix()
        files.append(File.generated(config, place, abs_src_path=str(path)))
    files.append(File.generated(config, "cards/README.md", content=_overview()))
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


def _overview() -> str:
    rows = []
    for loss in map(describe, list_losses()):
        found = loss.recommendation
        assert found is not None
        link = f"[{loss.config.name}]({loss.config.name}/README.md)"
        cells = (link, found.use_for, found.instead_of, found.gain + found.beside, found.where_it_loses)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(
        [
            "# Losses",
            "",
            f"<a href='../{GALLERY}/{PAGE}'>The gallery</a> shows them at a glance.",
            "",
            "| loss | use it for | instead of | it brings | it loses in |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def _commands() -> str:
    command = [sys.executable, "-m", "typer", "ml3zoo.cli", "utils", "docs", "--name", "ml3zoo", "--title", "Commands"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _filled(entry: Any, pages: list[str]) -> Any:
    """The navigation: a folder stands for its pages, an index first; a page that is not written is left out."""
    if isinstance(entry, dict):
        return {title: _filled(below, pages) for title, below in entry.items()}
    if isinstance(entry, list):
        return [_filled(each, pages) for each in entry if not isinstance(each, str) or each in pages]
    within = [page for page in pages if page.startswith(f"{entry}/")]
    return sorted(within, key=_place) if within else entry


def _place(page: str) -> tuple[int, list[str]]:
    return page.count("/"), page.split("/")

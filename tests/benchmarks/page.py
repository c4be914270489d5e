"""A benchmark's table in docs/ordinary_training.md: a full run writes it there, so that nobody copies numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "ordinary_training.md"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown, line by line."""
    first, *others = (f"| {' | '.join(cells)} |" for cells in (header, *rows))
    return [first, f"|{'---|' * len(header)}", *others]


def publish(mark: str, lines: Iterable[str], *, write: bool) -> None:
    """Print a table, and put it into the page between ``<!-- benchmark: MARK -->`` and the next end.

    Args:
        mark: which of the page's tables.
        lines: of the table.
        write: whether the page is changed; it is not for a small run.
    """
    text = "".join(f"{line}\n" for line in lines)
    print(f"{mark}:\n{text}", flush=True)
    if write:
        PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), mark, text), encoding="utf-8")


def replaced(page: str, mark: str, text: str) -> str:
    """A page with another table at a mark, which must be there once."""
    begin, end = f"<!-- benchmark: {mark} -->\n", "<!-- end of benchmark -->"
    found, count = re.subn(f"({re.escape(begin)}).*?({end})", lambda part: part[1] + text + part[2], page, flags=re.S)
    if count != 1:
        raise ValueError(f"{count} marks {begin.strip()!r} in the page, one was expected")
    return found

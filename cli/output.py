"""How verbs speak: shared options, data on stdout, messages on stderr."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NoReturn

import typer

from ml3zoo.format.text import plain

LOSS = typer.Argument(help="A loss of the zoo, hf://org/name@revision, or a folder.", show_default=False)
Name = Annotated[str, LOSS]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small version, done within a minute.")]

_LONGEST_MESSAGE = 4000
_GAP = 2
"""Blanks between columns."""


def show_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    typer.echo(json.dumps(value, indent=2))


def say(text: object) -> None:
    """Print data to stdout."""
    typer.echo(plain(str(text)))


def talk(text: str) -> None:
    """Print to stderr, where it does not disturb data."""
    typer.echo(plain(text), err=True)


def one_line(text: object, longest: int = 300) -> str:
    """Untrusted text on one line, so that it cannot pose as several, cut to a readable length."""
    line = " ".join(str(text).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def show_table(header: Sequence[str], rows: Iterable[Sequence[str]], *, flexible: int) -> None:
    """Print rows as wide as the terminal, a line each; a header where people read them.

    Args:
        header: a title for each column.
        rows: a cell for each column.
        flexible: the column that is cut where there is too little room.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = shutil.get_terminal_size().columns
    cells = [[Text(plain(one_line(cell))) for cell in row] for row in rows]
    widest = [max(len(title), *(row[at].cell_len for row in cells)) for at, title in enumerate(header)]
    left = width - _GAP * len(header) - (sum(widest) - widest[flexible])
    table = Table(box=None, padding=(0, _GAP, 0, 0), show_header=sys.stdout.isatty(), header_style="")
    for at, title in enumerate(header):
        limit = max(min(left, widest[at]), 8) if at == flexible else widest[at]
        table.add_column(title, no_wrap=True, overflow="ellipsis", width=limit)
    for row in cells:
        table.add_row(*row)
    Console(width=max(width, 200), highlight=False).print(table)


def fail(text: str) -> NoReturn:
    """Print a user's mistake on one line and exit with 1."""
    talk(f"ml3zoo: {one_line(text, _LONGEST_MESSAGE)}")
    sys.exit(1)

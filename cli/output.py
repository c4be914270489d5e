"""How verbs speak: shared options, data on stdout, messages on stderr."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, NoReturn

import typer

from ml3zoo.errors import OutputError
from ml3zoo.format.text import plain

LOSS = typer.Argument(help="A loss of the zoo, hf://org/name@revision, or a folder.", show_default=False)
Name = Annotated[str, LOSS]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small version, done within a minute.")]

QUICK = "A quick run shows that everything works; its numbers mean nothing, and its card says so."
"""Whenever such a loss is made or published."""
_LONGEST_MESSAGE = 4000
_GAP = 2
"""Blanks between columns."""


def never_fail() -> None:
    """What a terminal or a file cannot write becomes ``?``: no work is lost for the sake of a letter."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def show_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    _print(json.dumps(value, indent=2))


def say(text: object) -> None:
    """Print data to stdout."""
    _print(plain(str(text)))


def _print(text: str) -> None:
    """Print to stdout.

    Raises:
        OutputError: there is no room where it goes.
    """
    try:
        typer.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = io.StringIO()  # what waits to be written would fail again at the end
        raise OutputError(f"stdout cannot be written to ({error.strerror}). Send it to another place.") from error


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
    drawn = io.StringIO()
    Console(file=drawn, width=max(width, 200), highlight=False).print(table)
    _print(drawn.getvalue().removesuffix("\n"))


def fail(text: str) -> NoReturn:
    """Print a user's mistake on one line and exit with 1."""
    talk(f"ml3zoo: {one_line(text, _LONGEST_MESSAGE)}")
    sys.exit(1)

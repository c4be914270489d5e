"""How verbs speak: shared options, data on stdout, messages on stderr."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, NoReturn

import typer

from ml3zoo.format.text import plain

LOSS = typer.Argument(help="A loss of the zoo, hf://org/name@revision, or a folder.", show_default=False)
Name = Annotated[str, LOSS]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small version, done within a minute.")]

_LONGEST_MESSAGE = 4000


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


def fail(text: str) -> NoReturn:
    """Print a user's mistake on one line and exit with 1."""
    talk(f"ml3zoo: {one_line(text, _LONGEST_MESSAGE)}")
    sys.exit(1)

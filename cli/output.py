"""How verbs speak: shared options, JSON on stdout, talk on stderr."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, NoReturn

import typer

Name = Annotated[str, typer.Argument(help="A loss of the zoo, or the path of a loss's folder.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON to stdout.")]
Quick = Annotated[bool, typer.Option("--quick", help="A small version, done within a minute.")]


def show_json(value: Any) -> None:
    """Print a value as JSON on stdout."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def talk(text: str) -> None:
    """Print to stderr, where it does not disturb data."""
    typer.echo(text, err=True)


def fail(text: str) -> NoReturn:
    """Tell a user's mistake and exit with 1."""
    talk(f"ml3zoo: {text}")
    sys.exit(1)

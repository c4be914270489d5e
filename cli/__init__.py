"""The command line: one file a verb. Data goes to stdout, talk to stderr; a user's mistake exits with 1."""

from __future__ import annotations

import sys

import typer

from ml3zoo.errors import Ml3zooError

from .apply import apply
from .bench import bench
from .info import info
from .list import list_
from .output import fail
from .plot import plot
from .publish import publish
from .pull import pull
from .train import train
from .verify import verify

app = typer.Typer(
    name="ml3zoo",
    help="A zoo of pretrained loss functions: pull one, see whether it would help you, use it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("list")(list_)
app.command()(info)
app.command()(pull)
app.command()(apply)
app.command()(train)
app.command()(bench)
app.command()(plot)
app.command()(verify)
app.command()(publish)


def main() -> None:
    """Run the command line."""
    try:
        app()
    except Ml3zooError as error:
        fail(str(error))
    except BrokenPipeError:
        sys.exit(1)

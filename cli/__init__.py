"""The command line: one file a verb. Data goes to stdout, messages to stderr; a user's mistake exits with 1."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, ParamSpec

import typer

from ml3zoo import __version__
from ml3zoo.errors import Ml3zooError

from .apply import apply
from .bench import bench
from .gallery import gallery
from .info import info
from .list import list_
from .output import fail, never_fail, say, talk
from .plot import plot
from .publish import publish
from .pull import pull
from .train import train
from .verify import verify

app = typer.Typer(
    name="ml3zoo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
Arguments = ParamSpec("Arguments")


def interruptible(verb: Callable[Arguments, None]) -> Callable[Arguments, None]:
    """A verb that Ctrl-C ends quietly, with the exit code of a shell's own commands."""

    @functools.wraps(verb)
    def run(*args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except KeyboardInterrupt:
            talk("interrupted")
            sys.exit(130)

    return run


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"ml3zoo {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """A zoo of pretrained loss functions: pull one, see whether it would help you, use it."""


for verb in (list_, info, gallery, pull, apply, train, bench, plot, verify, publish):
    app.command(verb.__name__.rstrip("_"))(interruptible(verb))


def _talk_of(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Tell of a warning; the line of code that it is about says nothing to whoever types a command."""
    talk(f"warning: {message}" if issubclass(category, UserWarning) else f"{category.__name__}: {message}")


def main() -> None:
    """Run the command line."""
    never_fail()
    warnings.showwarning = _talk_of
    try:
        app()
    except Ml3zooError as error:
        fail(str(error))
    except BrokenPipeError:
        sys.exit(1)
    except SystemExit as end:
        # Typer's own code for a wrong usage is 2
        sys.exit(1 if end.code == 2 else end.code)

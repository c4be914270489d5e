"""Progress bars on stderr, silent when it is not a terminal."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Advance(Protocol):
    """Moves a bar forward."""

    def __call__(self, done: int, note: str = "") -> None:
        """Show ``done`` steps and a short note."""
        ...


@contextmanager
def progress_bar(title: str, total: int, *, shown: bool = True) -> Iterator[Advance]:
    """A bar of ``total`` steps; call the yielded function with the number of steps done."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    hidden = not (shown and console.is_terminal)
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console, disable=hidden) as bar:
        task = bar.add_task(title, total=total, note="")

        def advance(done: int, note: str = "") -> None:
            bar.update(task, completed=done, note=note)

        yield advance


@contextmanager
def counting_bar(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """A bar of ``total`` steps; call the yielded function after each of them, with a short note."""
    with progress_bar(title, total) as advance:
        done = itertools.count(1)
        yield lambda note: advance(next(done), note)

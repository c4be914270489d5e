"""Ctrl-C and SIGTERM stop a run at the next point from which it can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """The run was asked to stop; it has saved what is needed to resume it."""


class Interruption:
    """Whether the run was asked to stop."""

    def __init__(self) -> None:
        self.asked = False

    def ask(self, number: int, frame: FrameType | None) -> None:
        """Signal handler; the second signal stops the run at once."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


@contextmanager
def interruption() -> Iterator[Interruption]:
    """Record SIGINT and SIGTERM instead of stopping at once; does nothing outside the main thread."""
    recorded = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield recorded
        return
    before = {number: signal.signal(number, recorded.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield recorded
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

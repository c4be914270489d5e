"""All state of one loopback Hub."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from .faults import Fault
from .storage import Repo


@dataclass(frozen=True)
class LogEntry:
    """One request, as answered.

    Attributes:
        path: with query, as sent.
        auth: whether an access token came with it.
        range: the ``Range`` header.
        status: that was sent, or would have been if a fault had not come in between.
    """

    method: str
    path: str
    auth: bool
    range: str | None
    status: int


@dataclass
class Hub:
    """Repositories, LFS objects, faults to come and requests so far; ``lock`` is held by whoever touches them.

    Attributes:
        page_size: models a page of a listing holds at most.
        objects: sha256 -> uploaded LFS content.
    """

    page_size: int = 1000
    repos: dict[str, Repo] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    log: list[LogEntry] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

"""What can go wrong with an answer, on demand."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

_DRIPS_PER_SECOND = 10


@dataclass
class Fault:
    """A fault of the next ``times`` requests that it matches. What is set adds up, in this order.

    A request that a fault of the body (``truncate``, ``reset``, ``corrupt``, ``drip``) hits has its effect first: a
    commit whose answer is reset was made. One that is answered with ``status`` has none. HEAD requests have no body
    and do not count as matches of such a fault.

    Attributes:
        path: regular expression, searched in path and query as sent. LFS content comes from ``/_cdn/…``, file name
            included; ``/_control/`` never fails.
        method: ``GET``, ``POST`` …; any if None.
        times: how often it still happens.
        delay: seconds until the answer begins.
        gone: the server stops listening, drops all connections and ends.
        status: the answer's status, in place of the true answer.
        headers: of that answer, for example ``{"Retry-After": "1"}``.
        corrupt: this many bytes of the body, evenly spread, are inverted.
        truncate: the connection ends after this many bytes of the body; the whole length was announced.
        reset: like ``truncate``, but by TCP reset.
        drip: bytes of the body per second.
    """

    path: str
    method: str | None = None
    times: int = 1
    delay: float = 0.0
    gone: bool = False
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    corrupt: int = 0
    truncate: int | None = None
    reset: int | None = None
    drip: float | None = None

    def __post_init__(self) -> None:
        re.compile(self.path)
        if self.truncate is not None and self.reset is not None:
            raise ValueError("an answer either ends early or is reset: give truncate or reset")
        if not (self.delay or self.gone or self.status or self._is_of_body):
            raise ValueError(f"nothing goes wrong: {self}")

    @property
    def _is_of_body(self) -> bool:
        return bool(self.corrupt or self.drip) or self.cut is not None

    @property
    def cut(self) -> int | None:
        """After how many bytes of the body the connection ends, if it ends early."""
        return self.truncate if self.reset is None else self.reset

    def matches(self, method: str, target: str) -> bool:
        """Whether it happens to a request."""
        return (
            self.times > 0
            and self.method in (None, method)
            and not (method == "HEAD" and self._is_of_body)
            and re.search(self.path, target) is not None
        )

    def pieces(self, body: bytes) -> Iterator[bytes]:
        """The body as it is sent, piece by piece, waiting in between."""
        body = inverted(body, self.corrupt)[: self.cut]
        if not self.drip:
            yield body
            return
        step = max(1, round(self.drip / _DRIPS_PER_SECOND))
        for start in range(0, len(body), step):
            piece = body[start : start + step]
            time.sleep(len(piece) / self.drip)
            yield piece


def inverted(body: bytes, count: int) -> bytes:
    """The body with ``count`` bytes inverted, evenly spread."""
    changed = bytearray(body)
    count = min(count, len(body))
    for index in range(count):
        changed[index * len(body) // count] ^= 0xFF
    return bytes(changed)


def take(faults: list[Fault], method: str, target: str) -> Fault | None:
    """The first fault that happens to a request, with one less to go."""
    fault = next((fault for fault in faults if fault.matches(method, target)), None)
    if fault is not None:
        fault.times -= 1
    return fault

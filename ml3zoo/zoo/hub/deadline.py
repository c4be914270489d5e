"""A call with a deadline."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")


def within(seconds: float, call: Callable[[], Result]) -> Result:
    """What a call returns or raises, if it ends in time.

    A call that does not end in time goes on in a thread of its own, which does not keep the process alive.

    Raises:
        TimeoutError: it took longer.
    """
    outcome: dict[str, Any] = {}

    def work() -> None:
        try:
            outcome["result"] = call()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that waits
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(max(seconds, 0.0))
    if "error" in outcome:
        raise outcome["error"]
    if "result" not in outcome:
        raise TimeoutError(f"no answer within {seconds:.0f} seconds")
    result: Result = outcome["result"]
    return result

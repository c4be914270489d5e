"""How long things take."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from statistics import median


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def typical(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of a call, after one call to warm up."""
    work()
    return median(seconds(work) for _ in range(repeats))


def printed(command: list[str], environment: dict[str, str] | None = None) -> float:
    """The number that a process prints last; its own complaints stay visible."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return float(done.stdout.split()[-1])


def side_by_side(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of several calls that take turns, so that what disturbs one disturbs all."""
    times = [{name: seconds(work) for name, work in works.items()} for _ in range(repeats)]
    return {name: median(row[name] for row in times) for name in works}

"""How long things take."""

from __future__ import annotations

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


def side_by_side(works: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median seconds of several calls that take turns, so that what disturbs one disturbs all."""
    times = [{name: seconds(work) for name, work in works.items()} for _ in range(repeats)]
    return {name: median(row[name] for row in times) for name in works}

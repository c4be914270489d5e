"""Start-up of the command line against ``hf --help``, and of ``load_loss`` against ``import torch``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.timing import printed, side_by_side

SCRIPTS = Path(sys.executable).parent
LOAD = (
    "import torch, time; t = time.perf_counter(); from ml3zoo import load_loss; "
    "load_loss('sine-regression'); print(time.perf_counter() - t)"
)


@dataclass(frozen=True)
class Sizes:
    """How often each command runs."""

    repeats: int


FULL = Sizes(repeats=15)
SMALL = Sizes(repeats=2)


def run(sizes: Sizes) -> None:
    """Print both."""

    def shell(*command: str) -> Callable[[], object]:
        line = [str(SCRIPTS / command[0]), *command[1:]]
        return lambda: subprocess.run(line, check=True, capture_output=True)

    theirs = "hf --help"
    verbs = ("--help", "list", "info sine-regression")
    times = side_by_side(
        {line: shell(*line.split()) for line in (theirs, *(f"ml3zoo {verb}" for verb in verbs))}, sizes.repeats
    )
    print("start-up:")
    for line, time in times.items():
        print(f"  {line:<30} {time:.2f} s, {time / times[theirs]:.2f} x")
    loads = [printed([sys.executable, "-c", LOAD]) for _ in range(sizes.repeats)]
    print(f"  load_loss after import torch: {median(loads) * 1e3:.0f} ms")

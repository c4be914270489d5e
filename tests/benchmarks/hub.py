"""``ml3zoo pull`` against ``hf download`` of the same repository, both from a Hub on the loopback interface."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ml3zoo.zoo.names import resolve
from tests.benchmarks.timing import side_by_side
from tests.loopback import loopback_hub
from tests.machines import Machine

REPO = "ml3zoo/sine-regression"
COMMANDS = {"ml3zoo pull": ("ml3zoo", "pull", f"hf://{REPO}"), "hf download": ("hf", "download", REPO)}


@dataclass(frozen=True)
class Sizes:
    """How often each command runs."""

    repeats: int


FULL = Sizes(repeats=15)
SMALL = Sizes(repeats=2)


def run(sizes: Sizes) -> None:
    """Print the ratio with an empty cache and with a full one."""
    folder = resolve("sine-regression")
    with loopback_hub() as hub, tempfile.TemporaryDirectory() as scratch:
        hub.put(REPO, {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.*")})
        fresh = itertools.count()

        def cold(*command: str) -> Callable[[], object]:
            return lambda: _checked(Machine(Path(scratch) / f"cold-{next(fresh)}", hub.endpoint), *command)

        def warm(*command: str) -> Callable[[], object]:
            machine = Machine(Path(scratch) / command[0], hub.endpoint)
            _checked(machine, *command)
            return lambda: _checked(machine, *command)

        print("pulling a loss from a Hub on this machine:")
        for cache, work in (("cold", cold), ("warm", warm)):
            times = side_by_side({n: work(*command) for n, command in COMMANDS.items()}, sizes.repeats)
            ours, theirs = times.values()
            print(f"  {cache} cache: ml3zoo pull {ours:.2f} s, hf download {theirs:.2f} s, {ours / theirs:.2f} x")


def _checked(machine: Machine, *command: str) -> None:
    done = machine.run(*command)
    assert done.returncode == 0, done.stderr

"""Cost of the meta-gradient in the paper's sine experiment, one thread: time, memory, and two ranks against one.

Libraries that are installed (``pip install higher torchopt jax``) do the same work beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import torch

from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.estimators import MetaProblem, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.ranks import Ranks, joined_ranks
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.base import Split, Tasks
from ml3zoo.tasks.sine import Sine
from tests.benchmarks.libraries import installed_libraries
from tests.benchmarks.timing import printed, typical

RECIPE = find_recipe("sine-regression-paper")
TRAINING = RECIPE.training.training_configs[0]
OBJECTIVE = RECIPE.training.validation
LR = TRAINING.run.lr
LONGEST_LOOP = 2_000
"""Tasks x steps up to which a loop over tasks is worth waiting for."""


@dataclass(frozen=True)
class Sizes:
    """What is timed, and how often.

    Attributes:
        tasks, horizons: every pair of these is timed.
        repeats: of what is fast; a third as many of what is slow.
        memory_tasks, memory_horizons: whose peak memory is measured.
        rank_tasks, rank_steps: the meta-gradient that two processes share.
    """

    tasks: tuple[int, ...] = (1, 16, 64, 256)
    horizons: tuple[int, ...] = (1, 20, 100)
    repeats: int = 9
    memory_tasks: int = 16
    memory_horizons: tuple[int, ...] = (10, 100, 1000)
    rank_tasks: int = 256
    rank_steps: int = 20


FULL = Sizes()
SMALL = Sizes(tasks=(2,), horizons=(2,), repeats=3, memory_tasks=2, memory_horizons=(2,), rank_tasks=4, rank_steps=2)


@cache
def batch(n: int) -> Tasks:
    """N sine tasks."""
    return Sine(TRAINING.family.optimizee).sample(torch.Generator().manual_seed(0), n, "train")


class FixedSine(Sine):
    """The same sine tasks at every call, so that drawing them is not timed."""

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """The batch of that size."""
        return batch(n)


FAMILY = FixedSine(TRAINING.family.optimizee)


def meta_gradient(
    n: int, steps: int, *, compiled: bool, rematerialise: bool = True, ranks: Ranks | None = None
) -> Callable[[], object]:
    """ml3zoo's own, for n tasks."""
    loss = RECIPE.fresh_loss(0)
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    run = InnerRun(TRAINING.run.optimizer, LR, steps)
    problem = MetaProblem(run.step(loss, FAMILY, compiled=compiled), run, FAMILY, n, ranks=ranks or Ranks())
    estimator = Unrolled(OBJECTIVE, rematerialise=rematerialise)
    return partial(estimator, problem, phi, {}, torch.Generator())


def engines(sizes: Sizes) -> None:
    """Milliseconds per task and inner step, of everything that is installed."""
    names = ["eager", "eager, one graph", "compiled", *installed_libraries()]
    print(
        "meta-gradient, ms per task and inner step, one thread (eager: only states are stored, steps are recomputed):"
    )
    print(f"  {'tasks':>5} {'horizon':>7} " + "".join(f"{name:>18}" for name in names))
    for n in sizes.tasks:
        for steps in sizes.horizons:
            repeats = max(3, sizes.repeats // 3) if n * steps > 1_000 else sizes.repeats
            costs = [_cost(name, n, steps, repeats) for name in names]
            print(
                f"  {n:>5} {steps:>7} " + "".join(f"{'-' if c is None else f'{c:.3f}':>18}" for c in costs), flush=True
            )


def _cost(name: str, n: int, steps: int, repeats: int) -> float | None:
    tasks = batch(n)
    if name in installed_libraries():
        if name != "jax" and n * steps > LONGEST_LOOP:
            return None
        loss = RECIPE.fresh_loss(0)
        work = installed_libraries()[name](loss, FAMILY, tasks, LR, steps)
    elif name == "eager, one graph" and n * steps > 10 * LONGEST_LOOP:
        return None
    else:
        work = meta_gradient(n, steps, compiled=name == "compiled", rematerialise=name != "eager, one graph")
    return typical(work, repeats) / n / steps * 1e3


def memory(sizes: Sizes) -> None:
    """Peak memory of one meta-gradient, each in a process of its own."""
    n = sizes.memory_tasks
    print(f"peak memory of one meta-gradient above what the program needs, {n} tasks, MiB:")
    for steps in sizes.memory_horizons:
        found = []
        for rematerialise in (True, False):
            code = f"from tests.benchmarks.engine import peak; peak({n}, {steps}, {rematerialise})"
            found.append(printed([sys.executable, "-c", code]))
        print(f"  horizon {steps:>4}: rematerialised {found[0]:8.1f}, one graph {found[1]:8.1f}", flush=True)


def peak(n: int, steps: int, rematerialise: bool) -> None:
    """What each process of ``memory`` does (Linux)."""

    def highest() -> float:
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

    meta_gradient(n, 1, compiled=False, rematerialise=rematerialise)()
    before = highest()
    meta_gradient(n, steps, compiled=False, rematerialise=rematerialise)()
    print(highest() - before)


def ranks(sizes: Sizes) -> None:
    """One meta-gradient shared by two processes, against one process."""
    n, steps = sizes.rank_tasks, sizes.rank_steps
    code = f"from tests.benchmarks.engine import rank; rank({n}, {steps})"
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python", "--nproc-per-node"]
    times = []
    for world in (1, 2):
        command = [*launch, str(world), sys.executable, "-c", code]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        times.append(printed(command, environment))
    print(
        f"{n} tasks, {steps} steps: one rank {times[0]:.3f} s, two ranks {times[1]:.3f} s, {times[0] / times[1]:.2f} x"
    )


def rank(n: int, steps: int) -> None:
    """What each process of ``ranks`` does."""
    with reproducible_compute(), joined_ranks() as mine:
        time = typical(meta_gradient(n, steps, compiled=False, ranks=mine), 5)
        if mine.first:
            print(time)


def run(sizes: Sizes) -> None:
    """Print all three."""
    with reproducible_compute():
        engines(sizes)
    memory(sizes)
    ranks(sizes)

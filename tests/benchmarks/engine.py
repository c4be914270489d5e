"""Cost of the meta-gradient, E1 sizes, one thread: by engine, number of tasks and horizon; its memory; two ranks.

Rivals that are installed (``pip install higher torchopt jax``) do the same work beside it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
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
from tests.benchmarks.rivals import installed_rivals
from tests.benchmarks.timing import printed, typical

RECIPE = find_recipe("sine-regression-paper")
SETTING = RECIPE.training.training_configs[0]
OBJECTIVE = RECIPE.training.validation
LR = SETTING.run.lr
LONGEST_LOOP = 2_000
"""Tasks x steps up to which a loop over tasks is worth waiting for."""


@cache
def batch(n: int) -> Tasks:
    """N sine tasks."""
    return Sine(SETTING.family.optimizee).sample(torch.Generator().manual_seed(0), n, "train")


class Drawn(Sine):
    """Sine tasks that are the same at every call: drawing is not what is measured."""

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """The batch of that size."""
        return batch(n)


FAMILY = Drawn(SETTING.family.optimizee)


def ours(
    n: int, steps: int, *, compiled: bool, rematerialise: bool = True, ranks: Ranks | None = None
) -> Callable[[], object]:
    """The engine's meta-gradient for n tasks."""
    loss = RECIPE.fresh_loss(0)
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    run = InnerRun(SETTING.run.optimizer, LR, steps)
    problem = MetaProblem(run.step(loss, FAMILY, compiled=compiled), run, FAMILY, n, ranks=ranks or Ranks())
    estimator = Unrolled(OBJECTIVE, rematerialise=rematerialise)
    return partial(estimator, problem, phi, {}, torch.Generator())


def engines(*, quick: bool) -> None:
    """Milliseconds per task and inner step, of everything that is installed."""
    sizes, horizons = ((1, 8), (1, 4)) if quick else ((1, 16, 64, 256), (1, 20, 100))
    names = ["eager", "eager, one graph", "compiled", *installed_rivals()]
    print("meta-gradient, ms per task and inner step, one thread (eager: states kept, steps computed anew):")
    print(f"  {'tasks':>5} {'horizon':>7} " + "".join(f"{name:>18}" for name in names))
    for n in sizes:
        for steps in horizons:
            setups = [_cost(name, n, steps, 3 if quick or n * steps > 1_000 else 9) for name in names]
            print(
                f"  {n:>5} {steps:>7} " + "".join(f"{'-' if c is None else f'{c:.3f}':>18}" for c in setups), flush=True
            )


def _cost(name: str, n: int, steps: int, repeats: int) -> float | None:
    tasks = batch(n)
    if name in installed_rivals():
        if name != "jax" and n * steps > LONGEST_LOOP:
            return None
        loss = RECIPE.fresh_loss(0)
        work = installed_rivals()[name](loss, FAMILY, tasks, LR, steps)
    elif name == "eager, one graph" and n * steps > 10 * LONGEST_LOOP:
        return None
    else:
        work = ours(n, steps, compiled=name == "compiled", rematerialise=name != "eager, one graph")
    return typical(work, repeats) / n / steps * 1e3


def memory(*, quick: bool) -> None:
    """Peak memory of one meta-gradient, each in a process of its own."""
    n, horizons = (4, (2, 4)) if quick else (16, (10, 100, 1000))
    print(f"peak memory of one meta-gradient above what the program needs, {n} tasks, MiB:")
    for steps in horizons:
        found = []
        for rematerialise in (True, False):
            code = f"from tests.benchmarks.engine import peak; peak({n}, {steps}, {rematerialise})"
            found.append(printed([sys.executable, "-c", code]))
        print(f"  horizon {steps:>4}: rematerialised {found[0]:8.1f}, one graph {found[1]:8.1f}", flush=True)


def peak(n: int, steps: int, rematerialise: bool) -> None:
    """What each process of ``memory`` does (Linux)."""

    def highest() -> float:
        return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

    ours(n, 1, compiled=False, rematerialise=rematerialise)()
    before = highest()
    ours(n, steps, compiled=False, rematerialise=rematerialise)()
    print(highest() - before)


def ranks(*, quick: bool) -> None:
    """One meta-gradient shared by two processes, against one process."""
    n, steps = (8, 2) if quick else (256, 20)
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
        time = typical(ours(n, steps, compiled=False, ranks=mine), 5)
        if mine.first:
            print(time)


def run(*, quick: bool) -> None:
    """Print all three."""
    with reproducible_compute():
        engines(quick=quick)
    memory(quick=quick)
    ranks(quick=quick)

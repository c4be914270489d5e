"""Cost per task and inner step of the meta-gradient, E1 sizes, one thread.

First against a plain loop with ``higher``, the way the paper's code does it; then how it grows with the number of tasks
and the horizon.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import nn

from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.estimators import Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.base import Tasks
from ml3zoo.tasks.sine import Sine
from tests.benchmarks.timing import typical

RECIPE = find_recipe("sine-regression-paper")
SETTING = RECIPE.training.settings[0]
FAMILY = Sine(SETTING.family.optimizee)
LR = SETTING.run.lr


def ours(n: int, steps: int) -> Callable[[], object]:
    """The engine's meta-gradient for n tasks."""
    loss = RECIPE.fresh_loss(0)
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    tasks = FAMILY.sample(torch.Generator().manual_seed(0), n, "train")
    estimator, run = RECIPE.training.estimator, InnerRun(SETTING.run.optimizer, LR, steps)
    assert isinstance(estimator, Unrolled)
    return lambda: estimator(loss, phi, run, FAMILY, tasks, torch.Generator())


def with_higher(tasks: Tasks, steps: int) -> Callable[[], object]:
    """The same work as a loop over tasks with ``higher``, the way the paper's code does it."""
    import higher

    loss = RECIPE.fresh_loss(0)
    n = len(tasks.data["x"])
    networks = [FAMILY.optimizee.build() for _ in range(n)]
    for i, network in enumerate(networks):
        network.load_state_dict({name: p[i] for name, p in tasks.initial.items()})
    optimizers = [torch.optim.SGD(network.parameters(), lr=LR) for network in networks]

    def work() -> None:
        loss.zero_grad()
        for i, (network, optimizer) in enumerate(zip(networks, optimizers, strict=True)):
            x, y = tasks.data["x"][i], tasks.data["y"][i]
            with higher.innerloop_ctx(network, optimizer, copy_initial_weights=False) as (functional, inner):
                for _ in range(steps):
                    inner.step(loss(functional(x), y))
                nn.functional.mse_loss(functional(x), y).backward()

    return work


def run(*, quick: bool) -> None:
    """Print both."""
    repeats = 3 if quick else 9
    n = 8 if quick else 64
    tasks = FAMILY.sample(torch.Generator().manual_seed(0), n, "train")
    with reproducible_compute(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        slow = typical(with_higher(tasks, 1), repeats) / n
        fast = typical(ours(n, 1), repeats) / n
        print(f"meta-gradient, {n} tasks, 1 inner step, one thread:")
        print(f"  higher loop {slow * 1e3:.3f} ms per task and step, ml3zoo {fast * 1e3:.3f} ms: {slow / fast:.1f} x")
        sizes, horizons = ((1, 8), (1, 4)) if quick else ((1, 16, 64, 256), (1, 20, 100))
        print("  ml3zoo, ms per task and inner step:")
        print("  tasks " + "".join(f"  horizon {h:<4}" for h in horizons))
        for size in sizes:
            costs = [
                typical(ours(size, h), 1 if h * size > 2000 else 3) / size / h for h in horizons if h * size <= 6400
            ]
            print(f"  {size:<6}" + "".join(f"  {cost * 1e3:<12.3f}" for cost in costs))

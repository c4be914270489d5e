"""Cost of training networks side by side in minibatches, one thread, beside the same loop in plain torch and in JAX.

Every network has a task, a loss and an order of rows of its own. Plain torch trains them one at a time. JAX runs all
steps of all networks in one compiled call (``pip install jax``; left out if it is not there).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig, signal
from ml3zoo.losses import LearnedLoss, build_loss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.inner import InnerRun, expand
from ml3zoo.meta.optimizers import SGD
from ml3zoo.tasks.base import Tasks
from ml3zoo.tasks.class_data import Mixtures
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels
from tests.benchmarks.timing import side_by_side

MOMENTUM, DECAY, LR = 0.9, 5e-4, 0.05
CLASSES, FEATURES, ROWS = 10, 48, 1000
Work = Callable[[], object]


@dataclass(frozen=True)
class Sizes:
    """What is timed, and how often.

    Attributes:
        shapes: hidden layers of the network, and rows in a minibatch.
        networks: trained side by side.
        steps: of each run.
        repeats: of each measurement.
    """

    shapes: tuple[tuple[tuple[int, ...], int], ...] = (((32, 32), 48), ((128, 128), 128))
    networks: int = 64
    steps: int = 40
    repeats: int = 7


FULL = Sizes()
SMALL = Sizes(shapes=(((4,), 8),), networks=2, steps=2, repeats=1)


def learned_loss() -> LearnedLoss:
    """A small network of three signals, which weighs two cross-entropies."""
    config = LossConfig(
        name="benchmark",
        summary="For benchmarks.",
        family="mlp",
        problem_type="classification",
        signals=(signal("probability"), signal("confidence"), SignalConfig(signal="progress")),
        architecture={"hidden": [16], "terms": ["cross_entropy", "self_cross_entropy"]},
        inner=InnerConfig(lr=LR, steps=FULL.steps),
    )
    loss = build_loss(config)
    loss.reset_parameters()
    return loss.requires_grad_(False)


@dataclass(frozen=True)
class Problem:
    """Runs that all libraries do alike."""

    family: NoisyLabels
    run: InnerRun
    tasks: Tasks
    loss: nn.Module


def problem(hidden: tuple[int, ...], batch: int, loss: nn.Module, sizes: Sizes) -> Problem:
    """Runs of a size and a loss."""
    family = NoisyLabels(Mixtures(CLASSES, FEATURES), Symmetric(), hidden, points=ROWS)
    run = InnerRun(SGD(MOMENTUM, weight_decay=DECAY), LR, sizes.steps, batch=batch)
    return Problem(family, run, run.sample(family, torch.Generator().manual_seed(0), sizes.networks, "train"), loss)


def with_engine(problem: Problem, *, compiled: bool) -> Work:
    """ml3zoo's own."""
    step = problem.run.step(problem.loss, problem.family, compiled=compiled)
    n = len(problem.tasks.data["x"])
    phi = {name: p.contiguous() for name, p in expand(dict(problem.loss.named_parameters()), n).items()}

    def work() -> None:
        with torch.no_grad():
            problem.run(step, phi, problem.tasks)

    return work


def in_plain_torch(problem: Problem) -> Work:
    """One network, as people write it."""
    network, steps = problem.family.optimizee.build(), problem.run.steps
    optimizer = torch.optim.SGD(network.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    x, labels = problem.tasks.data["x"][0], problem.tasks.data["labels"][0]
    orders = [step_info.rows[0].long() for step_info in problem.run.step_infos(problem.tasks)]
    learned = isinstance(problem.loss, LearnedLoss)

    def work() -> None:
        for t, rows in enumerate(orders):
            optimizer.zero_grad()
            more = {"progress": t / steps} if learned else {}
            problem.loss(network(x[rows]), labels[rows], **more).backward()
            optimizer.step()

    return work


def with_jax(problem: Problem) -> Work:
    """``jax.jit`` of a ``scan`` over the steps of ``vmap``."""
    import jax
    import jax.numpy as jnp

    depth, steps = range(len(problem.tasks.initial) // 2), problem.run.steps

    def logits(params: list[Any], x: Any) -> Any:
        for k in depth:
            x = x @ params[2 * k].T + params[2 * k + 1]
            x = jax.nn.relu(x) if k != depth[-1] else x
        return x

    def value(params: list[Any], phi: list[Any], x: Any, labels: Any, progress: Any) -> Any:
        log_p = jnp.maximum(jax.nn.log_softmax(logits(params, x)), -1e4)
        ce = -jnp.take_along_axis(log_p, labels[:, None], 1)[:, 0]
        if not phi:
            return ce.mean()
        highest = log_p.max(-1)
        detached = [jax.lax.stop_gradient(each) for each in (jnp.exp(-ce), jnp.exp(highest))]
        signals = jnp.stack([(each - 0.5) / 0.5 for each in detached] + [jnp.full_like(ce, progress)], -1)
        z = jnp.tanh(signals @ phi[0].T + phi[1]) @ phi[2].T + phi[3]
        weights = jnp.exp(3 * jnp.tanh(z / 3))
        return (weights[:, 0] * ce - weights[:, 1] * highest).mean()

    def step(params: Any, velocity: Any, phi: Any, x: Any, labels: Any, progress: Any) -> Any:
        grads = jax.grad(value)(params, phi, x, labels, progress)
        grads = [g + DECAY * p for g, p in zip(grads, params, strict=True)]
        velocity = [MOMENTUM * v + g for v, g in zip(velocity, grads, strict=True)]
        return [p - LR * v for p, v in zip(params, velocity, strict=True)], velocity

    def take(data: Any, rows: Any) -> Any:
        return jax.vmap(lambda one, which: one[which])(data, rows)

    @jax.jit
    def run(params: Any, phi: Any, x: Any, labels: Any, rows: Any) -> Any:
        def one(state: Any, now: Any) -> Any:
            which, progress = now
            each = jax.vmap(step, in_axes=(0, 0, 0, 0, 0, None))
            return each(*state, phi, take(x, which), take(labels, which), progress), None

        start = (params, [jnp.zeros_like(p) for p in params])
        return jax.lax.scan(one, start, (rows, jnp.arange(steps) / steps))[0]

    tasks, n = problem.tasks, len(problem.tasks.data["x"])
    params = [jnp.asarray(p.numpy()) for p in tasks.initial.values()]
    phi = [jnp.asarray(p.numpy()) for p in expand(dict(problem.loss.named_parameters()), n).values()]
    x, labels = jnp.asarray(tasks.data["x"].numpy()), jnp.asarray(tasks.data["labels"].numpy())

    def work() -> None:
        rows = torch.stack([step_info.rows for step_info in problem.run.step_infos(tasks)])
        jax.block_until_ready(run(params, phi, x, labels, jnp.asarray(rows.numpy())))

    return work


def run(sizes: Sizes) -> None:
    """Print microseconds per network and step."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    jax = importlib.util.find_spec("jax") is not None
    names = ["plain torch", "eager", "compiled", *(["jax"] if jax else [])]
    print(f"minibatch steps of {sizes.networks} networks, µs per network and step, one thread:")
    print(f"  {'':<38}" + "".join(f"{name:>13}" for name in names) + f"{'plain/compiled':>16}")
    with reproducible_compute():
        for hidden, batch in sizes.shapes:
            for name, loss in (("cross-entropy", nn.CrossEntropyLoss()), ("learned, mlp", learned_loss())):
                each = problem(hidden, batch, loss, sizes)
                works = {
                    "plain torch": in_plain_torch(each),
                    "eager": with_engine(each, compiled=False),
                    "compiled": with_engine(each, compiled=True),
                } | ({"jax": with_jax(each)} if jax else {})
                for work in works.values():
                    work()
                times = side_by_side(works, sizes.repeats)
                network = "-".join(map(str, (FEATURES, *hidden, CLASSES)))
                costs = {
                    way: time / sizes.steps / (1 if way == "plain torch" else sizes.networks) * 1e6
                    for way, time in times.items()
                }
                line = "".join(f"{costs[way]:>13.1f}" for way in names)
                ratio = costs["plain torch"] / costs["compiled"]
                print(f"  {f'{network}, batch {batch}, {name}':<38}{line}{ratio:>14.1f} x", flush=True)

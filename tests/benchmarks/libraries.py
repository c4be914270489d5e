"""The meta-gradient of the paper's sine experiment, as other libraries compute it."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import nn

from ml3zoo.losses import LearnedLoss
from ml3zoo.tasks.base import Tasks
from ml3zoo.tasks.sine import Sine

Work = Callable[[], object]
Library = Callable[[LearnedLoss, Sine, Tasks, float, int], Work]


def with_higher(loss: LearnedLoss, family: Sine, tasks: Tasks, lr: float, steps: int) -> Work:
    """A loop over tasks with ``higher``, the way the paper's code does it."""
    import higher
    import torch

    networks = _networks(family, tasks)
    optimizers = [torch.optim.SGD(network.parameters(), lr=lr) for network in networks]

    def work() -> None:
        loss.zero_grad()
        for i, (network, optimizer) in enumerate(zip(networks, optimizers, strict=True)):
            x, y = tasks.data["x"][i], tasks.data["y"][i]
            with (
                warnings.catch_warnings(),
                higher.innerloop_ctx(network, optimizer, copy_initial_weights=False) as (functional, inner),
            ):
                warnings.simplefilter("ignore")
                for _ in range(steps):
                    inner.step(loss(functional(x), y))
                nn.functional.mse_loss(functional(x), y).backward()

    return work


def with_torchopt(loss: LearnedLoss, family: Sine, tasks: Tasks, lr: float, steps: int) -> Work:
    """A loop over tasks with TorchOpt's differentiable optimiser."""
    import torchopt

    networks = _networks(family, tasks)
    starts = [torchopt.extract_state_dict(network, by="reference") for network in networks]

    def work() -> None:
        loss.zero_grad()
        for i, (network, start) in enumerate(zip(networks, starts, strict=True)):
            x, y = tasks.data["x"][i], tasks.data["y"][i]
            torchopt.recover_state_dict(network, start)
            inner = torchopt.MetaSGD(network, lr=lr)
            for _ in range(steps):
                inner.step(loss(network(x), y))
            nn.functional.mse_loss(network(x), y).backward()

    return work


def with_jax(loss: LearnedLoss, family: Sine, tasks: Tasks, lr: float, steps: int) -> Work:
    """``jax.jit(vmap(grad))`` of the same computation."""
    import jax
    import jax.numpy as jnp

    def network(params: list[Any], x: Any, layers: range) -> Any:
        for k in layers:
            x = x @ params[2 * k].T + params[2 * k + 1]
            x = jax.nn.relu(x) if k != layers[-1] else x
        return x

    def learned(phi: list[Any], prediction: Any, target: Any) -> Any:
        features = jnp.concatenate([prediction, target], -1)
        for k, weight in enumerate(phi):
            features = features @ weight.T
            features = jax.nn.relu(features) if k + 1 < len(phi) else jax.nn.softplus(features)
        return features.mean()

    depth = range(len(tasks.initial) // 2)

    def objective(phi: list[Any], params: list[Any], x: Any, y: Any) -> Any:
        def step(_: int, params: list[Any]) -> list[Any]:
            grads = jax.grad(lambda p: learned(phi, network(p, x, depth), y))(params)
            return [p - lr * g for p, g in zip(params, grads, strict=True)]

        params = jax.lax.fori_loop(0, steps, step, params)
        return ((network(params, x, depth) - y) ** 2).mean()

    phi = [jnp.asarray(p.detach().numpy()) for p in loss.parameters()]
    initial = [jnp.asarray(p.numpy()) for p in tasks.initial.values()]
    x, y = (jnp.asarray(np.asarray(tasks.data[name])) for name in ("x", "y"))
    gradient = jax.jit(jax.vmap(jax.grad(objective), in_axes=(None, 0, 0, 0)))
    return lambda: jax.block_until_ready(gradient(phi, initial, x, y))


def installed_libraries() -> dict[str, Library]:
    """Those that are installed."""
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    every: dict[str, Library] = {"higher": with_higher, "torchopt": with_torchopt, "jax": with_jax}
    return {name: library for name, library in every.items() if importlib.util.find_spec(name)}


def _networks(family: Sine, tasks: Tasks) -> list[nn.Module]:
    networks = [family.optimizee.build() for _ in range(len(tasks.data["x"]))]
    for i, network in enumerate(networks):
        network.load_state_dict({name: p[i] for name, p in tasks.initial.items()})
    return networks

"""Inner runs: many networks trained side by side, each on its own task and under its own loss parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.signals import BatchError
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors

State = dict[str, Tensors]
Schedule = Literal["constant", "cosine"]


class InnerOptimizer(Protocol):
    """An optimiser as pure functions with explicit state; equals its namesake in ``torch.optim``."""

    def init(self, params: Tensors) -> State:
        """The state before the first step."""
        ...

    def step(self, params: Tensors, grads: Tensors, state: State, lr: float, t: int) -> tuple[Tensors, State]:
        """Parameters and state after step ``t`` (counted from 1)."""
        ...


@dataclass(frozen=True)
class SGD:
    """Gradient descent with momentum."""

    momentum: float = 0.0

    def __str__(self) -> str:
        return f"SGD, momentum {self.momentum:g}" if self.momentum else "SGD"

    def init(self, params: Tensors) -> State:
        """Zero velocity."""
        return {"velocity": {k: torch.zeros_like(p) for k, p in params.items()}} if self.momentum else {}

    def step(self, params: Tensors, grads: Tensors, state: State, lr: float, t: int) -> tuple[Tensors, State]:
        """One step of ``torch.optim.SGD``."""
        if not self.momentum:
            return {k: p - lr * grads[k] for k, p in params.items()}, state
        velocity = {k: self.momentum * v + grads[k] for k, v in state["velocity"].items()}
        return {k: p - lr * velocity[k] for k, p in params.items()}, {"velocity": velocity}


@dataclass(frozen=True)
class Adam:
    """Adam with its usual coefficients."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __str__(self) -> str:
        return "Adam"

    def init(self, params: Tensors) -> State:
        """Zero moments."""
        return {name: {k: torch.zeros_like(p) for k, p in params.items()} for name in ("mean", "square")}

    def step(self, params: Tensors, grads: Tensors, state: State, lr: float, t: int) -> tuple[Tensors, State]:
        """One step of ``torch.optim.Adam``."""
        mean = {k: self.beta1 * m + (1 - self.beta1) * grads[k] for k, m in state["mean"].items()}
        square = {k: self.beta2 * s + (1 - self.beta2) * grads[k] ** 2 for k, s in state["square"].items()}
        size, correction = lr / (1 - self.beta1**t), math.sqrt(1 - self.beta2**t)
        params = {k: p - size * mean[k] / (square[k].sqrt() / correction + self.eps) for k, p in params.items()}
        return params, {"mean": mean, "square": square}


@dataclass(frozen=True)
class InnerRun:
    """How networks are trained under a loss: full batch, a fixed number of steps."""

    optimizer: InnerOptimizer
    lr: float
    steps: int
    schedule: Schedule = "constant"

    def __call__(
        self,
        loss: nn.Module,
        loss_params: Tensors,
        family: TaskFamily,
        tasks: Tasks,
        *,
        differentiable: bool = False,
        observe: Callable[[int, Tensors], None] | None = None,
    ) -> Tensors:
        """Train every task's network and return the final parameters.

        Args:
            loss: module called as ``loss(input=, target=, progress=)`` for a learned loss.
            loss_params: its parameters, each with a leading task axis; empty for an ordinary loss.
            family: gives the loss its arguments.
            tasks: data and initial parameters, with the same leading axis.
            differentiable: keep the graph, so that the result can be differentiated by ``loss_params``.
            observe: called with (step, parameters) before the first and after every step.
        """

        def value(phi: Tensors, params: Tensors, past: Tensors, data: Tensors, progress: Tensor) -> Tensor:
            arguments: dict[str, Tensor | BatchError] = {**family.signals(params, data)}
            if isinstance(loss, LearnedLoss):
                arguments["progress"] = progress
                if past:
                    arguments["batch_error"] = loss.batch_error(**family.signals(past, data))
            result: Tensor = functional_call(loss, phi, (), arguments)
            return result

        values = vmap(value, in_dims=(0, 0, 0, 0, None))
        params = {k: p.detach().requires_grad_() for k, p in tasks.initial.items()}
        state = self.optimizer.init(params)
        through = differentiable and isinstance(loss, LearnedLoss) and loss.looks_at_batch
        if observe:
            observe(0, params)
        for t in range(self.steps):
            progress = torch.tensor(t / self.steps, dtype=next(iter(params.values())).dtype)
            # the gradient is taken by a copy: batch statistics are constants to this step, but not to the result
            past, params = (params, {k: p.view_as(p) for k, p in params.items()}) if through else ({}, params)
            total = values(loss_params, params, past, tasks.data, progress).sum()
            grads = torch.autograd.grad(total, list(params.values()), create_graph=differentiable)
            named = dict(zip(params, grads, strict=True))
            params, state = self.optimizer.step(params, named, state, self._lr(t), t + 1)
            if not differentiable:
                params = {k: p.detach().requires_grad_() for k, p in params.items()}
            if observe:
                observe(t + 1, params)
        return params

    def _lr(self, t: int) -> float:
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1 + math.cos(math.pi * t / self.steps))
        return self.lr

"""Inner optimisers as pure functions with explicit state; each equals its namesake in ``torch.optim``.

All of them can be differentiated, also where a gradient is exactly zero. What a config says of them is declared in
``ml3zoo/format/optimizers.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ml3zoo.format.config import InnerConfig
from ml3zoo.format.optimizers import OPTIMIZERS, OptimizerName
from ml3zoo.tasks.base import Tensors

OptimizerState = dict[str, Tensors]


class InnerOptimizer(Protocol):
    """An optimiser of one network; the engine runs many side by side."""

    def init(self, params: Tensors) -> OptimizerState:
        """The state before the first step."""
        ...

    def step(
        self, params: Tensors, grads: Tensors, state: OptimizerState, lr: Tensor, t: Tensor
    ) -> tuple[Tensors, OptimizerState]:
        """Parameters and state after a step.

        Args:
            params: of one network.
            grads: of the loss, by them.
            state: what the last step returned.
            lr: learning rate, a scalar.
            t: number of this step, from 1, a scalar.
        """
        ...


@dataclass(frozen=True)
class SGD:
    """Gradient descent, with momentum, Nesterov's variant of it and weight decay if asked for.

    Weight decay is added to the gradient.
    """

    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __str__(self) -> str:
        parts = [OPTIMIZERS["sgd"].display]
        if self.momentum:
            parts.append(f"{'Nesterov ' if self.nesterov else ''}momentum {self.momentum:g}")
        if self.weight_decay:
            parts.append(f"weight decay {self.weight_decay:g}")
        return ", ".join(parts)

    def init(self, params: Tensors) -> OptimizerState:
        """Zero velocity."""
        return {"velocity": _zeros(params)} if self.momentum else {}

    def step(
        self, params: Tensors, grads: Tensors, state: OptimizerState, lr: Tensor, t: Tensor
    ) -> tuple[Tensors, OptimizerState]:
        """One step of ``torch.optim.SGD``."""
        if self.weight_decay:
            grads = {k: grads[k] + self.weight_decay * p for k, p in params.items()}
        if not self.momentum:
            return {k: p - lr * grads[k] for k, p in params.items()}, state
        velocity = {k: self.momentum * v + grads[k] for k, v in state["velocity"].items()}
        move = {k: grads[k] + self.momentum * v for k, v in velocity.items()} if self.nesterov else velocity
        return {k: p - lr * move[k] for k, p in params.items()}, {"velocity": velocity}


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay."""

    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __str__(self) -> str:
        return f"{OPTIMIZERS['adamw'].display}, weight decay {self.weight_decay:g}"

    def init(self, params: Tensors) -> OptimizerState:
        """Zero moments."""
        return {"mean": _zeros(params), "square": _zeros(params)}

    def step(
        self, params: Tensors, grads: Tensors, state: OptimizerState, lr: Tensor, t: Tensor
    ) -> tuple[Tensors, OptimizerState]:
        """One step of ``torch.optim.AdamW``."""
        mean = {k: self.beta1 * m + (1 - self.beta1) * grads[k] for k, m in state["mean"].items()}
        square = {k: self.beta2 * s + (1 - self.beta2) * grads[k] ** 2 for k, s in state["square"].items()}
        size, correction = lr / (1 - self.beta1**t), (1 - self.beta2**t).sqrt()
        decay = 1 - lr * self.weight_decay
        params = {k: decay * p - size * mean[k] / (_root(square[k]) / correction + self.eps) for k, p in params.items()}
        return params, {"mean": mean, "square": square}


@dataclass(frozen=True)
class Adam(AdamW):
    """Adam with its usual coefficients."""

    weight_decay: float = 0.0

    def __str__(self) -> str:
        return OPTIMIZERS["adam"].display


def _zeros(params: Tensors) -> Tensors:
    return {k: torch.zeros_like(p) for k, p in params.items()}


def _root(square: Tensor) -> Tensor:
    """Square root whose derivative at zero is zero instead of infinite."""
    positive = square > 0
    return torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)


_FUNCTIONAL: dict[OptimizerName, Callable[..., InnerOptimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
"""The functional form of every optimiser that a config can name."""


def optimizer_of(inner: InnerConfig) -> InnerOptimizer:
    """The optimiser that a loss was made for."""
    return _FUNCTIONAL[inner.optimizer](**inner.optimizer_settings)

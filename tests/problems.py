"""Small problems of meta-learning: sine tasks in float64, and a quadratic whose meta-gradient is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.estimators import MetaProblem, Objective
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import Sine

ROOT = Path(__file__).parents[1]
FAMILY = Sine(MLP((1, 6, 1), "tanh"), standardized=True, points=12)
PLAIN = Objective(log=False, cap=math.inf)


@dataclass(frozen=True)
class Fixed(TaskFamily):
    """A family that always gives the same tasks."""

    tasks: Tasks
    base: Sine = FAMILY

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        return self.tasks.pick(slice(0, n))

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        return self.base.loss_arguments(params, data)

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        return self.base.objective(params, data)


def double(tasks: Tasks) -> Tasks:
    return Tasks(*({name: x.double() if x.is_floating_point() else x for name, x in part.items()} for part in tasks))


def sine_problem(
    run: InnerRun, n: int = 3, *, compiled: bool = False
) -> tuple[LearnedLoss, Tensors, Tasks, MetaProblem]:
    """A fresh loss, its parameters, n sine tasks in float64 and the problem of meta-training it on these."""
    loss = find_recipe("sine-regression").fresh_loss(0).double()
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    tasks = double(FAMILY.sample(torch.Generator().manual_seed(0), n, "train"))
    family = Fixed(tasks)
    return loss, phi, tasks, MetaProblem(run.step(loss, family, compiled=compiled), run, family, n)


def hand_unrolled(loss: LearnedLoss, phi: Tensors, tasks: Tasks, run: InnerRun) -> Tensor:
    """Mean final objective by a plain loop over tasks and steps, without vmap and without the engine."""
    total = torch.zeros((), dtype=torch.float64)
    n = len(tasks.data["x"])
    assert isinstance(run.optimizer, SGD)
    for i in range(n):
        params = {name: p[i].clone().requires_grad_() for name, p in tasks.initial.items()}
        velocity = {name: torch.zeros_like(p) for name, p in params.items()}
        x, y = tasks.data["x"][i], tasks.data["y"][i]
        for t in range(run.steps):
            inputs = {name: p.clone() for name, p in params.items()}
            prediction = functional_call(FAMILY.network, inputs, (x,))
            error = functional_call(FAMILY.network, params, (x,)) - y
            context = {"batch_error": (error**2).mean().sqrt(), "mean_error": error.mean()}
            progress = torch.tensor(t / run.steps, dtype=torch.float64)
            value = functional_call(loss, phi, (prediction, y), {"progress": progress, "context": context})
            grads = torch.autograd.grad(value, list(inputs.values()), create_graph=True)
            for (name, p), grad in zip(list(params.items()), grads, strict=True):
                velocity[name] = run.optimizer.momentum * velocity[name] + grad
                params[name] = p - run.lr * velocity[name]
        prediction = functional_call(FAMILY.network, params, (x,))
        total = total + ((prediction - y) ** 2).mean() / y.var() / n
    return total


class Scaled(nn.Module):
    """Squared error times ``exp(log_scale)``, the simplest learned loss."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return 0.5 * self.log_scale.exp() * (input - target).square().sum()


@dataclass(frozen=True)
class Quadratic(TaskFamily):
    """One number is fitted to a target: every step shrinks the error by the factor 1 − lr·exp(log_scale).

    With ``ripple`` > 0 fast waves are added to the parabola: runs become chaotic and their exact gradient grows
    exponentially, although their end depends smoothly on the loss.
    """

    ripple: float = 0.0

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        start = torch.rand(n, 1, generator=generator, dtype=torch.float64) + 0.5
        return Tasks({"y": torch.zeros(n, 1, dtype=torch.float64)}, {"theta": start})

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        theta = params["theta"]
        waves = math.sqrt(self.ripple / 50) * torch.sin(100 * theta)
        return {"input": torch.cat([theta - data["y"], waves]), "target": torch.zeros_like(theta.repeat(2))}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        return (params["theta"] - data["y"]).square().sum()


def quadratic_problem(steps: int, lr: float, n: int, *, ripple: float = 0.0) -> tuple[Tensors, MetaProblem]:
    family, loss = Quadratic(ripple), Scaled()
    run = InnerRun(SGD(), lr, steps)
    phi = {"log_scale": loss.log_scale.detach()}
    return phi, MetaProblem(run.step(loss, family), run, family, n)


SECOND_MOMENT = 13 / 12
"""Mean square of the start, uniform in [0.5, 1.5]."""


def quadratic_end(log_scale: float, lr: float, step: int) -> float:
    """Mean objective after a number of steps, in closed form."""
    return SECOND_MOMENT * (1 - lr * math.exp(log_scale)) ** (2 * step)


def quadratic_slope(log_scale: float, lr: float, step: int) -> float:
    """Its derivative by ``log_scale``."""
    rate = lr * math.exp(log_scale)
    return -SECOND_MOMENT * 2 * step * rate * (1 - rate) ** (2 * step - 1)

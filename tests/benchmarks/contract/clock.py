"""Does progress follow the optimiser's steps, in the loops that people have?"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import mean
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from ml3zoo import load_loss
from tests.benchmarks.contract.problems import LR, SINE, STEPS, relative, sine_error, sine_model, sine_tasks
from tests.benchmarks.contract.table import heading, row

MICRO_BATCHES = 4
ORDINARY_RATES = (0.02, 0.05, 0.1)


@dataclass
class Fit:
    """A model on its way."""

    model: nn.Module
    loss: Any
    x: Tensor
    y: Tensor
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler = field(default_factory=lambda: torch.amp.GradScaler("cpu"))
    attempts: int = 0

    def step(self, *values: Tensor) -> None:
        """One step of the optimiser on the sum of several values."""
        self.optimizer.zero_grad()
        for value in values:
            value.backward()
        self.optimizer.step()


Loop = Callable[[Fit], None]
"""One step of the optimiser, or one attempt at it."""


def whole(fit: Fit) -> None:
    """The whole batch at once."""
    fit.step(fit.loss(fit.model(fit.x), fit.y))


def micro_batches(fit: Fit) -> None:
    """The batch in parts."""
    parts = zip(fit.x.chunk(MICRO_BATCHES), fit.y.chunk(MICRO_BATCHES), strict=True)
    fit.step(*(fit.loss(fit.model(x), y) / MICRO_BATCHES for x, y in parts))


def micro_batches_of_known_context(fit: Fit) -> None:
    """The batch in parts that know its statistics."""
    with torch.no_grad():
        context = fit.loss.context(fit.model(fit.x), fit.y)
    parts = zip(fit.x.chunk(MICRO_BATCHES), fit.y.chunk(MICRO_BATCHES), strict=True)
    fit.step(*(fit.loss(fit.model(x), y, context=context) / MICRO_BATCHES for x, y in parts))


def mixup(fit: Fit) -> None:
    """Two targets for each mixed point."""
    order = torch.randperm(len(fit.x))
    output = fit.model(0.7 * fit.x + 0.3 * fit.x[order])
    fit.step(0.7 * fit.loss(output, fit.y) + 0.3 * fit.loss(output, fit.y[order]))


def two_heads(fit: Fit) -> None:
    """Two outputs, two calls."""
    output = fit.model(fit.x)
    fit.step(fit.loss(output, fit.y) + fit.loss(-output, -fit.y))


def checkpointed(fit: Fit) -> None:
    """The loss is computed once more for its gradient."""
    fit.step(recomputed(fit.loss, fit.model(fit.x), fit.y))


def recomputed(loss: nn.Module, output: Tensor, y: Tensor) -> Tensor:
    """A loss under activation checkpointing."""
    value: Tensor = checkpoint(loss, output, y, use_reentrant=False)
    return value


def lbfgs(fit: Fit) -> None:
    """Several closures in one step."""

    def closure() -> Tensor:
        fit.optimizer.zero_grad()
        value: Tensor = fit.loss(fit.model(fit.x), fit.y)
        value.backward()
        return value

    fit.optimizer.step(closure)  # type: ignore[arg-type]


def scaled(fit: Fit) -> None:
    """Every second gradient overflows: the scaler skips these steps."""
    fit.attempts += 1
    fit.optimizer.zero_grad()
    fit.scaler.scale(fit.loss(fit.model(fit.x), fit.y)).backward()
    if fit.attempts % 2:
        next(fit.model.parameters()).grad.fill_(torch.inf)  # type: ignore[union-attr]
    fit.scaler.step(fit.optimizer)
    fit.scaler.update()


def run(tasks: int) -> None:
    """Print errors of sine models and progress in many loops."""
    heading(f"1. The clock: NMSE of {SINE} after {STEPS} steps, mean of {tasks} tasks")
    row("the whole batch at once", error, tasks, whole)
    row(f"{MICRO_BATCHES} micro-batches a step", error, tasks, micro_batches)
    row(
        f"{MICRO_BATCHES} micro-batches a step, each with the batch's context",
        error,
        tasks,
        micro_batches_of_known_context,
    )
    for lr in ORDINARY_RATES:
        row(f"MSE, learning rate {lr}", error, tasks, whole, nn.MSELoss(), lr)
    heading("   Progress after 20 of 40 steps, 0.50 is right")
    for loop in (whole, micro_batches, lbfgs, mixup, two_heads, checkpointed):
        row(loop.__name__.replace("_", " "), progress_of, loop, 20)
    row("GradScaler, 40 attempts of which 20 are skipped", progress_of, scaled, 40)
    row("learning rate finder of 20 steps on a copy before them", _after_a_search)
    row("second fit with the same loss: after 40 + 20 steps", _second_fit, False)
    row("the same, loss.reset() between them", _second_fit, True)
    row(
        "gradient under activation checkpointing in 10 steps: mean error, and the worst",
        _checkpoint_errors,
    )


def error(tasks: int, loop: Loop, loss: nn.Module | None = None, lr: float = LR) -> str:
    """Mean error of models that were trained in such a loop."""
    errors = []
    for k in range(tasks):
        fit = _fit(loss or load_loss(SINE, total_steps=STEPS), k, tasks, lr)
        for _ in range(STEPS):
            loop(fit)
        errors.append(sine_error(fit.model, fit.x, fit.y))
    return f"{mean(errors):.3f}"


def progress_of(loop: Loop, attempts: int) -> str:
    """Progress as the loss shows it, of 40 steps."""
    fit = _fit(load_loss(SINE, total_steps=40))
    if loop is lbfgs:
        fit.optimizer = torch.optim.LBFGS(fit.model.parameters(), lr=0.1, max_iter=4)
    for _ in range(attempts):
        loop(fit)
    return _progress(fit.loss)


def _fit(loss: nn.Module, k: int = 0, tasks: int = 1, lr: float = LR) -> Fit:
    batch = sine_tasks(tasks)
    model = sine_model(batch, k)
    return Fit(model, loss, batch.data["x"][k], batch.data["y"][k], torch.optim.SGD(model.parameters(), lr=lr))


def _progress(loss: nn.Module) -> str:
    return f"{loss.progress:.2f}"


def _after_a_search() -> str:
    fit = _fit(load_loss(SINE, total_steps=40))
    model = copy.deepcopy(fit.model)
    search = Fit(model, fit.loss, fit.x, fit.y, torch.optim.SGD(model.parameters(), lr=LR))
    for one, steps in ((search, 20), (fit, 20)):
        for _ in range(steps):
            whole(one)
    return _progress(fit.loss)


def _second_fit(reset: bool) -> str:
    loss = load_loss(SINE, total_steps=40)
    for steps in (40, 20):
        fit = _fit(loss)
        for _ in range(steps):
            whole(fit)
        if reset and steps == 40:
            loss.reset()
    return _progress(loss)


def _checkpoint_errors() -> str:
    loss, errors = load_loss(SINE, total_steps=10), []
    fit = _fit(load_loss(SINE))
    for step in range(10):
        output = fit.model(fit.x).detach().requires_grad_()
        right = torch.autograd.grad(fit.loss(output, fit.y, progress=step / 10), output)[0]
        recomputed(loss, output, fit.y).backward()
        errors.append(relative(output.grad, right))
        fit.step(fit.loss(fit.model(fit.x), fit.y, progress=step / 10))
    return f"{mean(errors):.1%}, {max(errors):.1%}"

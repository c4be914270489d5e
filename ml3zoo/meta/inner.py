"""Inner runs: many networks trained at once for a number of steps, full batch or minibatches in epochs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ml3zoo.errors import InputError
from ml3zoo.format.results import Schedule
from ml3zoo.meta.minibatches import draw_rows, with_orders
from ml3zoo.meta.optimizers import InnerOptimizer
from ml3zoo.meta.step import Step, StepInfo, unobserved
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors


@dataclass(frozen=True)
class InnerRun:
    """How networks are trained under a loss.

    Attributes:
        optimizer: of the networks.
        lr: learning rate, at its highest.
        steps: their number.
        schedule: of the learning rate, after the warm-up.
        batch: rows in a minibatch; all rows at every step if None. Families say which tensors have rows.
        warmup: share of the steps over which the learning rate rises linearly to ``lr``.

    Raises:
        InputError: ``steps``, ``batch`` or ``warmup`` is out of range.
    """

    optimizer: InnerOptimizer
    lr: float
    steps: int
    schedule: Schedule = "constant"
    batch: int | None = None
    warmup: float = 0.0

    def __post_init__(self) -> None:
        """What is out of range is refused."""
        if self.steps < 1:
            raise InputError(f"steps must be at least 1, got {self.steps}.")
        if self.batch is not None and self.batch < 1:
            raise InputError(f"batch must be at least 1, got {self.batch}; for the full batch leave it None.")
        if not 0 <= self.warmup < 1:
            raise InputError(f"warmup is a share of the steps, from 0 to less than 1, got {self.warmup}.")

    def sample(self, family: TaskFamily, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks of a split with all that a run needs; for minibatches that is an order of their rows too.

        Raises:
            InputError: the run is in minibatches, and the family has no rows.
        """
        tasks = family.sample(generator, n, split)
        return tasks if self.batch is None else with_orders(tasks, family, generator)

    def step(self, loss: nn.Module, family: TaskFamily, *, compiled: bool = False) -> Step:
        """The step this run repeats. It does not depend on length, learning rate or schedule."""
        return Step.of(loss, family, self.optimizer, compiled=compiled)

    def __call__(
        self,
        step: Step,
        phi: Tensors,
        tasks: Tasks,
        observe: Callable[[int, Tensors], None] = unobserved,
        lr: Tensor | None = None,
    ) -> Tensors:
        """Train every task's network and return its final parameters and buffers.

        Args:
            step: made by ``step``.
            phi: the loss's parameters, each with a leading task axis; empty for an ordinary loss.
            tasks: drawn by ``sample``: data and initial parameters, with the same leading axis.
            observe: called with (step, parameters and buffers) before the first and after every step.
            lr: [tasks], in the place of the run's own.
        """
        state = step.start(tasks)
        observe(0, state.network)
        return step.roll(phi, state, tasks.data, self.step_infos(tasks, lr), observe).network

    @torch.no_grad()
    def under(
        self,
        loss: nn.Module,
        family: TaskFamily,
        tasks: Tasks,
        observe: Callable[[int, Tensors], None] = unobserved,
    ) -> Tensors:
        """The same under one loss for all tasks, with its own parameters and no gradient through the run."""
        phi = {name: p.detach() for name, p in loss.named_parameters()}
        return self(self.step(loss, family), expand(phi, count(tasks)), tasks, observe)

    def step_infos(self, tasks: Tasks, lr: Tensor | None = None) -> Iterator[StepInfo]:
        """The step infos of all steps; ``lr`` [tasks] replaces the run's own."""
        like = next(iter(tasks.initial.values()))
        rates = like.new_full((len(like),), self.lr) if lr is None else lr
        return self.window(tasks.data, rates, torch.zeros_like(rates), self.steps)

    def window(self, data: Tensors, lr: Tensor, age: Tensor, steps: int) -> Iterator[StepInfo]:
        """The step infos of some consecutive steps of networks that may be at different places of their runs.

        Args:
            data: of their tasks.
            lr: of each, before the schedule, [tasks].
            age: steps done by each, [tasks].
            steps: how many.
        """
        whole = torch.empty(len(age), 0, dtype=torch.int32, device=age.device)
        drawn = itertools.repeat(whole, steps) if self.batch is None else draw_rows(data, age, steps, self.batch)
        for done, rows in enumerate(drawn):
            t = age + done
            yield StepInfo(self._rate(lr, t), t, t / self.steps, rows)

    def _rate(self, lr: Tensor, t: Tensor) -> Tensor:
        """Learning rates at step t, both [tasks]."""
        rising = round(self.warmup * self.steps)
        if self.schedule == "cosine":
            done = (t - rising).clamp_min(0) / (self.steps - rising)
            lr = lr * 0.5 * (1 + torch.cos(math.pi * done))
        return lr * ((t + 1) / (rising + 1)).clamp(max=1) if rising else lr


def expand(phi: Tensors, n: int) -> Tensors:
    """The same loss parameters for each of n tasks."""
    return {name: value.expand(n, *value.shape) for name, value in phi.items()}


def count(tasks: Tasks) -> int:
    """Number of tasks in a batch."""
    return len(next(iter(tasks.data.values())))

"""Inner runs: many networks trained at once for a number of steps, full batch."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ml3zoo.format.results import Schedule
from ml3zoo.meta.optimizers import InnerOptimizer
from ml3zoo.meta.step import Step, StepInfo, unobserved
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors


@dataclass(frozen=True)
class InnerRun:
    """How networks are trained under a loss."""

    optimizer: InnerOptimizer
    lr: float
    steps: int
    schedule: Schedule = "constant"

    def step(self, loss: nn.Module, family: TaskFamily, *, compiled: bool = False) -> Step:
        """The step this run repeats. It does not depend on length, learning rate or schedule."""
        return Step.of(loss, family, self.optimizer, compiled=compiled)

    def __call__(
        self, step: Step, phi: Tensors, tasks: Tasks, observe: Callable[[int, Tensors], None] = unobserved
    ) -> Tensors:
        """Train every task's network and return the final parameters.

        Args:
            step: made by ``step``.
            phi: the loss's parameters, each with a leading task axis; empty for an ordinary loss.
            tasks: data and initial parameters, with the same leading axis.
            observe: called with (step, parameters) before the first and after every step.
        """
        state = step.start(tasks)
        observe(0, state.params)
        return step.roll(phi, state, tasks.data, self.step_infos(tasks), observe).params

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

    def step_infos(self, tasks: Tasks, lr: Tensor | None = None) -> list[StepInfo]:
        """The step infos of all steps; ``lr`` [tasks] replaces the run's own."""
        like = next(iter(tasks.initial.values()))
        rates = like.new_full((len(like),), self.lr) if lr is None else lr
        return [self.step_info(torch.full_like(rates, t), rates) for t in range(self.steps)]

    def step_info(self, t: Tensor, lr: Tensor) -> StepInfo:
        """The step info of networks that may be at different steps.

        Args:
            t: steps done by each, [tasks].
            lr: of each, before the schedule, [tasks].
        """
        progress = t / self.steps
        if self.schedule == "cosine":
            lr = lr * 0.5 * (1 + torch.cos(math.pi * progress))
        return StepInfo(lr, t, progress)


def expand(phi: Tensors, n: int) -> Tensors:
    """The same loss parameters for each of n tasks."""
    return {name: value.expand(n, *value.shape) for name, value in phi.items()}


def count(tasks: Tasks) -> int:
    """Number of tasks in a batch."""
    return len(next(iter(tasks.data.values())))

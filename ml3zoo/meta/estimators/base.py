"""The interface of every meta-gradient estimator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.func import vmap

from ml3zoo.meta.agents import Run
from ml3zoo.meta.ranks import Ranks
from ml3zoo.meta.step import Step
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors

_CANDIDATES = 3
"""Learning rates that each task of an ordinary loss is tried at."""
ObjectiveSteps = Literal["last", "mean", "both"]
"""Where in a run the objective counts: after its last step, as a mean over all its steps, or half of each."""


@dataclass(frozen=True)
class Objective:
    """The meta-objective of one task: its true objective, capped, and its log if asked for.

    Attributes:
        log: take the logarithm.
        offset: added before that.
        cap: runs that end above it, or not finite, count as this.
        exact: take the family's metric in the place of its objective. It may have no useful gradient, as an error rate
            has none: then only evolution strategies can follow it.
    """

    log: bool = True
    offset: float = 1e-2
    cap: float = 10.0
    exact: bool = False

    def __call__(self, value: Tensor) -> Tensor:
        """Elementwise; diverged runs count as the cap and give no gradient."""
        value = torch.where(value.isfinite(), value, self.cap).clamp(max=self.cap)
        return (value + self.offset).log() if self.log else value

    def diverged(self, value: Tensor) -> Tensor:
        """Whether each run diverged."""
        return ~value.isfinite() | (value >= self.cap)


class Estimate(NamedTuple):
    """What an estimator returns.

    Attributes:
        gradient: of the mean objective by the loss parameters.
        objective: its mean.
        diverged: share of inner runs that diverged.
        estimator_state: of this rank, for the next estimate of the same problem; each tensor with a leading task axis.
    """

    gradient: Tensors
    objective: float
    diverged: float
    estimator_state: Tensors


@dataclass(frozen=True)
class MetaProblem:
    """Inner runs of one training config, whose meta-gradient is estimated.

    Attributes:
        step: the inner step.
        run: number of steps and learning rates.
        family: of the tasks.
        tasks: number of tasks in a batch, over all ranks.
        lr_jitter: each task multiplies the learning rate by exp(U[-jitter, jitter]).
        ranks: the processes that share the work.
        ordinary: the step of an ordinary loss that learning rates are tuned for, see ``MetaTraining.tuned_for``.
    """

    step: Step
    run: Run
    family: TaskFamily
    tasks: int
    lr_jitter: float = 0.0
    ranks: Ranks = Ranks()
    ordinary: Step | None = None

    def sample(self, generator: torch.Generator) -> tuple[Tasks, Tensor]:
        """A rank's share of a fresh batch of training tasks, and their learning rates [tasks].

        All ranks draw the whole batch, so that their generators stay equal.
        """
        return self.draw(generator, self.tasks, "train", self.lr_jitter)

    def draw(self, generator: torch.Generator, n: int, split: Split, jitter: float) -> tuple[Tasks, Tensor]:
        """The same of n tasks of a split, with learning rates spread by another jitter where none are tuned."""
        tasks = self.run.sample(self.family, generator, n, split)
        mine, device = self.ranks.share(n), self.ranks.device
        candidates, spread = (1, jitter) if self.ordinary is None else (_CANDIDATES, self.lr_jitter)
        place = (torch.arange(candidates)[:, None] + torch.rand(candidates, n, generator=generator)) / candidates
        factor = (spread * (2 * place - 1)).to(next(iter(tasks.initial.values())).dtype).exp()
        tasks, rates = tasks.pick(mine, device), (self.run.lr * factor)[:, mine].to(device)
        return tasks, rates[0] if self.ordinary is None else self._best_rate(self.ordinary, tasks, rates)

    def _best_rate(self, ordinary: Step, tasks: Tasks, rates: Tensor) -> Tensor:
        """Of rates [candidates, tasks] those at which an ordinary loss does best, as its user finds them, [tasks]."""
        everything = tasks.repeat(len(rates))
        with torch.no_grad():
            trained = self.run(ordinary, {}, everything, lr=rates.flatten())
            score = vmap(self.family.selection_metric)(trained, everything.data)
        best = score.nan_to_num(math.inf).view(rates.shape).argmin(0)
        return rates.gather(0, best[None]).squeeze(0)

    def estimate(
        self, gradient: Tensors, objective: Tensor, diverged: Tensor, estimator_state: Tensors | None = None
    ) -> Estimate:
        """The estimate of all ranks together.

        Args:
            gradient: mean over this rank's tasks.
            objective: of this rank's runs, any shape.
            diverged: whether each of them diverged.
            estimator_state: of this rank.
        """
        diagnostics = {"objective": objective.mean(), "diverged": diverged.to(objective.dtype).mean()}
        mean = self.mean_over_ranks({**{f"gradient.{k}": g for k, g in gradient.items()}, **diagnostics})
        gradient = {name: mean[f"gradient.{name}"] for name in gradient}
        return Estimate(gradient, mean["objective"].item(), mean["diverged"].item(), estimator_state or {})

    def mean_over_ranks(self, values: Tensors) -> Tensors:
        """Mean over ranks, each weighted by its number of tasks."""
        mine = self.ranks.share(self.tasks)
        return self.ranks.weighted_mean(values, mine.stop - mine.start)

    def value(self, network: Tensors, data: Tensors, *, exact: bool = False) -> Tensor:
        """The true objective of each task, or its metric where it is to be exact, [tasks]."""
        with torch.no_grad():
            value: Tensor = vmap(self.family.metric if exact else self.family.objective)(network, data)
            return value


class Estimator(Protocol):
    """Estimates the gradient of the mean meta-objective by the loss parameters."""

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """One estimate.

        Args:
            problem: the inner runs.
            phi: parameters of the loss.
            estimator_state: what the last estimate for the same problem returned; empty at the first.
            generator: of all randomness; in the same state on every rank.
        """
        ...


def step_weights(objective_steps: ObjectiveSteps, steps: int) -> list[float]:
    """The weight of the objective after each step; they add up to 1."""
    every, last = {"mean": (1.0, 0.0), "last": (0.0, 1.0), "both": (0.5, 0.5)}[objective_steps]
    return [every / steps] * (steps - 1) + [every / steps + last]


def guarded_mean(gradients: Tensors, clip: float = math.inf) -> tuple[Tensors, Tensor]:
    """Mean over tasks of gradients [tasks, ...], each clipped in norm; those that are not finite count as zero.

    Returns:
        The mean, and whether each task's gradient was finite, [tasks].
    """
    norm = torch.stack([g.reshape(len(g), -1).square().sum(1) for g in gradients.values()]).sum(0).sqrt()
    finite = norm.isfinite()
    factor = torch.where(finite, (clip / norm).clamp(max=1.0), 0.0) / len(norm)
    mean = {name: torch.einsum("n,n...->...", factor, g.nan_to_num(0.0, 0.0, 0.0)) for name, g in gradients.items()}
    return mean, finite

"""Meta-gradient estimators: (loss parameters, tasks) -> how to change the loss."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.func import vmap

from ml3zoo.meta.inner import InnerRun
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors


class Estimate(NamedTuple):
    """A meta-gradient, the mean objective and the share of inner runs that diverged."""

    gradient: Tensors
    objective: float
    diverged: float


class Estimator(Protocol):
    """Estimates the gradient of the mean meta-objective by the loss parameters."""

    def __call__(
        self,
        loss: nn.Module,
        phi: Tensors,
        run: InnerRun,
        family: TaskFamily,
        tasks: Tasks,
        generator: torch.Generator,
    ) -> Estimate:
        """The estimate for one batch of tasks."""
        ...


@dataclass(frozen=True)
class Objective:
    """The meta-objective of one task: its final true objective, capped, and its log if asked for."""

    log: bool = True
    offset: float = 1e-2
    cap: float = 10.0

    def __call__(self, value: Tensor) -> Tensor:
        """Elementwise; diverged runs count as the cap and give no gradient."""
        value = torch.where(value.isfinite(), value, self.cap).clamp(max=self.cap)
        return (value + self.offset).log() if self.log else value


def expand(phi: Tensors, n: int) -> Tensors:
    """The same loss parameters for each of n tasks."""
    return {name: value.expand(n, *value.shape) for name, value in phi.items()}


def count(tasks: Tasks) -> int:
    """Number of tasks in a batch."""
    return len(next(iter(tasks.data.values())))


@dataclass(frozen=True)
class Unrolled:
    """Differentiates through the whole inner run.

    Each task's gradient is computed apart: those that are not finite are left out, the others are clipped to
    ``clip`` in norm before they are averaged.
    """

    objective: Objective = Objective()
    clip: float = float("inf")

    def __call__(
        self,
        loss: nn.Module,
        phi: Tensors,
        run: InnerRun,
        family: TaskFamily,
        tasks: Tasks,
        generator: torch.Generator,
    ) -> Estimate:
        """The exact meta-gradient, but for the guards."""
        n = count(tasks)
        each = {name: value.detach().repeat(n, *[1] * value.dim()).requires_grad_() for name, value in phi.items()}
        params = run(loss, each, family, tasks, differentiable=True)
        value = self.objective(vmap(family.objective)(params, tasks.data))
        grads = torch.autograd.grad(value.sum(), list(each.values()), materialize_grads=True)
        norm = torch.stack([grad.flatten(1).square().sum(1) for grad in grads]).sum(0).sqrt()
        finite = norm.isfinite()
        factor = torch.where(finite, (self.clip / norm).clamp(max=1.0), 0.0) / n
        gradient = {
            name: torch.einsum("n,n...->...", factor, grad.nan_to_num(0.0, 0.0, 0.0))
            for name, grad in zip(each, grads, strict=True)
        }
        return Estimate(gradient, value.mean().item(), 1 - finite.float().mean().item())


@dataclass(frozen=True)
class EvolutionStrategies:
    """Antithetic evolution strategies over whole inner runs (Salimans et al. 2017).

    Every pair of perturbed losses sees the same tasks, so that their difference is due to the loss alone. Needs no
    second derivatives and survives runs whose meta-gradient explodes.
    """

    objective: Objective = Objective()
    pairs: int = 12
    sigma: float = 0.05

    def __call__(
        self,
        loss: nn.Module,
        phi: Tensors,
        run: InnerRun,
        family: TaskFamily,
        tasks: Tasks,
        generator: torch.Generator,
    ) -> Estimate:
        """An unbiased estimate for the objective smoothed by Gaussian noise of width ``sigma``."""
        n = count(tasks)
        noise = {
            k: self.sigma * torch.randn(self.pairs, *v.shape, generator=generator, dtype=v.dtype)
            for k, v in phi.items()
        }
        perturbed = {k: torch.cat([v + noise[k], v - noise[k]]).repeat_interleave(n, 0) for k, v in phi.items()}
        everything = tasks.repeat(2 * self.pairs)
        params = run(loss, perturbed, family, everything)
        with torch.no_grad():
            raw = vmap(family.objective)(params, everything.data)
        value = self.objective(raw).view(2, self.pairs, n)
        slope = (value[0] - value[1]).mean(1) / (2 * self.sigma**2)
        gradient = {k: torch.einsum("p,p...->...", slope, e) / self.pairs for k, e in noise.items()}
        diverged = (~raw.isfinite() | (raw >= self.objective.cap)).float().mean().item()
        return Estimate(gradient, value.mean().item(), diverged)

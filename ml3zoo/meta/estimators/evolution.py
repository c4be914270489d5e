"""Evolution strategies over whole inner runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ml3zoo.meta.estimators.base import Estimate, MetaProblem, Objective
from ml3zoo.meta.estimators.noise import antithetic, es_gradients
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class EvolutionStrategies:
    """Antithetic evolution strategies over whole inner runs (Salimans et al. 2017).

    All perturbed losses see the same tasks, so that differences are due to the loss alone. Needs no second derivatives
    and works for runs whose exact meta-gradient explodes.

    Attributes:
        objective: of one task.
        pairs: number of pairs of perturbed losses.
        sigma: standard deviation of the perturbations.
    """

    objective: Objective = Objective()
    pairs: int = 12
    sigma: float = 0.05

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """An unbiased estimate for the objective smoothed by Gaussian noise of width ``sigma``."""
        noise, perturbed = antithetic(phi, self.pairs, self.sigma, generator)
        tasks, lr = problem.sample(generator)
        n = len(lr)
        each = {name: p.repeat_interleave(n, 0) for name, p in perturbed.items()}
        everything = tasks.repeat(2 * self.pairs)
        step_infos = problem.run.step_infos(everything, lr.repeat(2 * self.pairs))
        state = problem.step.roll(each, problem.step.start(everything), everything.data, step_infos)
        raw = problem.value(state.params, everything.data)
        value = self.objective(raw).view(2, self.pairs, n).mean(2)
        gradient = {k: g.mean(0) for k, g in es_gradients(value[0] - value[1], noise, self.sigma).items()}
        return problem.estimate(gradient, value, self.objective.diverged(raw))

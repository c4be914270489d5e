"""Evolution strategies over whole inner runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ml3zoo.meta.estimators.base import Estimate, MetaProblem, Objective
from ml3zoo.meta.estimators.noise import antithetic, draw_noise, es_gradients
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class EvolutionStrategies:
    """Antithetic evolution strategies over whole inner runs (Salimans et al. 2017).

    The two losses of a pair see the same tasks, so that differences are due to the loss alone. Needs no second
    derivatives and works for runs whose exact meta-gradient explodes.

    Attributes:
        objective: of one task.
        pairs: number of pairs of perturbed losses.
        sigma: standard deviation of the perturbations.
        shared: whether all tasks see the same pairs. Else each task has as many pairs of its own: with the same number
            of inner runs, of more tasks in more directions, the estimate has less noise where tasks differ much.
    """

    objective: Objective = Objective()
    pairs: int = 12
    sigma: float = 0.05
    shared: bool = True

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """An unbiased estimate for the objective smoothed by Gaussian noise of width ``sigma``."""
        noise = self._noise(problem, phi, generator)
        tasks, lr = problem.sample(generator)
        copies, everything = len(lr) if self.shared else 1, tasks.repeat(2 * self.pairs)
        each = {name: p.repeat_interleave(copies, 0) for name, p in antithetic(phi, noise).items()}
        trained = problem.run(problem.step, each, everything, lr=lr.repeat(2 * self.pairs))
        raw = problem.value(trained, everything.data, exact=self.objective.exact)
        value = self.objective(raw).view(2, -1, copies).mean(2)
        gradient = {k: g.mean(0) for k, g in es_gradients(value[0] - value[1], noise, self.sigma).items()}
        return problem.estimate(gradient, value, self.objective.diverged(raw))

    def _noise(self, problem: MetaProblem, phi: Tensors, generator: torch.Generator) -> Tensors:
        """Of the pairs, [pairs, ...] or [pairs * this rank's tasks, ...]; all ranks draw all of it."""
        if self.shared:
            return draw_noise(phi, self.pairs, self.sigma, generator)
        drawn = draw_noise(phi, self.pairs * problem.tasks, self.sigma, generator)
        mine = problem.ranks.share(problem.tasks)
        return {
            name: e.view(self.pairs, problem.tasks, *phi[name].shape)[:, mine].flatten(0, 1)
            for name, e in drawn.items()
        }

"""Unrolled gradients and evolution strategies, weighted by their precision."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ml3zoo.meta.agents import steps_apart
from ml3zoo.meta.estimators.base import Estimate, MetaProblem, Objective, ObjectiveSteps, step_weights
from ml3zoo.meta.estimators.noise import antithetic, draw_noise, es_gradients
from ml3zoo.meta.estimators.unrolled import Truncation, differentiate_by_steps
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class Mixed:
    """Two estimates of the same smoothed gradient from the same perturbed runs (Metz et al. 2019).

    One differentiates through the runs, the other compares their objectives. Each parameter tensor takes their mean,
    weighted by inverse variance over pairs: mostly the first where runs are smooth, the other where they are chaotic.

    Attributes:
        objective: of one task.
        pairs: number of pairs of perturbed losses, at least 2.
        sigma: standard deviation of the perturbations.
        objective_steps: where in a run the objective counts.
    """

    objective: Objective = Objective()
    pairs: int = 4
    sigma: float = 0.05
    objective_steps: ObjectiveSteps = "last"

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """The weighted estimate."""
        noise = draw_noise(phi, self.pairs, self.sigma, generator)
        tasks, lr = problem.sample(generator)
        n, runs = len(lr), 2 * self.pairs
        everything = tasks.repeat(runs)
        step_infos = [info.repeat(runs) for info in steps_apart(problem.run).step_infos(tasks, lr)]
        truncation = Truncation(
            {name: p.repeat_interleave(n, 0) for name, p in antithetic(phi, noise).items()},
            problem.step.start(everything),
            everything.data,
            step_infos,
            step_weights(self.objective_steps, len(step_infos)),
            self.objective,
        )
        state, value, gradients = differentiate_by_steps(problem.step, truncation)
        plus, minus = value.view(2, self.pairs, n).mean(2)
        evolved = es_gradients(plus - minus, noise, self.sigma)
        unrolled = {k: g.view(2, self.pairs, n, *g.shape[1:]).mean((0, 2)) for k, g in gradients.items()}
        first, second = problem.mean_over_ranks(unrolled), problem.mean_over_ranks(evolved)
        gradient = {name: _weighted(first[name], second[name]) for name in phi}
        return problem.estimate(gradient, value, self.objective.diverged(problem.value(state.network, everything.data)))


def _weighted(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Mean over pairs of two estimates [pairs, ...] of one tensor, weighted by inverse variance.

    An estimate that is not finite has weight zero.
    """
    noise = [estimate.var(0).sum().nan_to_num(math.inf, math.inf) for estimate in (first, second)]
    share = noise[1] / (noise[0] + noise[1])
    if not share.isfinite():
        share = torch.zeros_like(share)
    return share * first.mean(0).nan_to_num(0.0, 0.0, 0.0) + (1 - share) * second.mean(0)

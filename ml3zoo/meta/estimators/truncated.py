"""Differentiation through windows of inner runs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ml3zoo.meta.estimators.base import Estimate, MetaProblem, Objective, ObjectiveSteps, guarded_mean, step_weights
from ml3zoo.meta.estimators.particles import Particles, check_window_steps
from ml3zoo.meta.estimators.unrolled import Truncation, differentiate_by_steps
from ml3zoo.meta.inner import expand
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class Truncated:
    """Differentiates through a window of steps of networks of all ages, which continue from call to call.

    Effects of a step after its window are not seen. With ``objective_steps="mean"`` every step counts as much as in a
    whole run. With ``objective_steps="last"`` only networks whose window ends the run count, each ``steps / window``
    times: the mean over ages is the gradient of the end, truncated to the last window. Neither rewards a good end of
    a window that is not the end of the run.

    Attributes:
        window: steps; the run's number of steps must be a multiple of it.
        objective: of one task.
        clip: largest norm of one task's gradient.
        objective_steps: where in a run the objective counts, "last" or "mean".
    """

    window: int
    objective: Objective = Objective()
    clip: float = math.inf
    objective_steps: ObjectiveSteps = "mean"

    def __post_init__(self) -> None:
        """A window shows only a part of a run."""
        check_window_steps(self.objective_steps)

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """The meta-gradient of one window."""
        particles = Particles.restore(estimator_state, problem, phi, self.window, generator)
        n = len(particles.age)
        step_infos = particles.step_infos(problem, self.window)
        ends = particles.age + self.window == problem.run.steps
        windows = problem.run.steps // self.window
        weights = step_weights(self.objective_steps, self.window)
        truncation = Truncation(
            expand(phi, n), particles.states[0], particles.data, step_infos, weights, self.objective
        )
        state, value, gradients = differentiate_by_steps(problem.step, truncation)
        if self.objective_steps == "last":
            gradients = {k: torch.einsum("n,n...->n...", windows * ends.to(g.dtype), g) for k, g in gradients.items()}
        gradient, finite = guarded_mean(gradients, self.clip)
        shown = value[ends] if ends.any() else value
        later = particles.advanced((state,), self.window, finite, problem, generator)
        return problem.estimate(gradient, shown, ~finite, later.as_tensors())

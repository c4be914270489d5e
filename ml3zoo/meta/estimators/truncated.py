"""Differentiation through windows of inner runs that are under way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from ml3zoo.meta.estimators.base import Aim, Estimate, Objective, Problem, aim_weights, guarded_mean
from ml3zoo.meta.estimators.particles import Population, check_window_aim
from ml3zoo.meta.estimators.unrolled import Stretch, differentiate_by_steps
from ml3zoo.meta.inner import expand
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class Truncated:
    """Differentiates through a window of steps of half-trained networks of all ages, which live on between calls.

    What a step does to the objective after its window is not seen. With ``aim="curve"`` every step of a window counts
    as much as it counts in a whole run; with ``aim="end"`` only the networks whose window ends the run count, each
    ``steps / window`` times, so that the mean over ages is the end's gradient cut off before its last window. Neither
    rewards being good at the end of a window that is not the end of the run.

    Attributes:
        window: steps; the run's number of steps must be a multiple of it.
        objective: of one task.
        clip: largest norm of one task's gradient.
        aim: what of the run counts: its end or its curve.
    """

    window: int
    objective: Objective = Objective()
    clip: float = math.inf
    aim: Aim = "curve"

    def __post_init__(self) -> None:
        """A window does not show all of a run."""
        check_window_aim(self.aim)

    def __call__(self, problem: Problem, phi: Tensors, memory: Tensors, generator: torch.Generator) -> Estimate:
        """The meta-gradient of one window."""
        population = Population.recalled(memory, problem, phi, self.window, generator)
        n = len(population.age)
        clocks = population.clocks(problem, self.window)
        ends = population.age + self.window == problem.run.steps
        windows = problem.run.steps // self.window
        weights = aim_weights(self.aim, self.window)
        stretch = Stretch(expand(phi, n), population.states[0], population.data, clocks, weights, self.objective)
        state, value, gradients = differentiate_by_steps(problem.step, stretch)
        if self.aim == "end":
            gradients = {k: torch.einsum("n,n...->n...", windows * ends.to(g.dtype), g) for k, g in gradients.items()}
        gradient, finite = guarded_mean(gradients, self.clip)
        shown = value[ends] if ends.any() else value
        later = population.advanced((state,), self.window, finite, problem, generator)
        return problem.estimate(gradient, shown, ~finite, later.remembered())

"""Evolution strategies over windows of inner runs, without truncation bias."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ml3zoo.meta.estimators.base import Estimate, MetaProblem, Objective, ObjectiveSteps
from ml3zoo.meta.estimators.noise import antithetic, draw_noise, es_gradients
from ml3zoo.meta.estimators.particles import Particles, check_window_steps
from ml3zoo.meta.step import State
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class PersistentEvolution:
    """Persistent evolution strategies (Vicol, Metz, Sohl-Dickstein 2021).

    Every task has a pair of networks that continue from call to call, under losses perturbed in opposite directions,
    anew for each window. The estimate uses the sum of a pair's perturbations so far, which makes it unbiased for whole
    runs although each call sees only one window.

    Attributes:
        window: steps; the run's number of steps must be a multiple of it.
        objective: of one task.
        sigma: standard deviation of the perturbations of one window.
        objective_steps: where in a run the objective counts, "last" or "mean".
    """

    window: int
    objective: Objective = Objective()
    sigma: float = 0.05
    objective_steps: ObjectiveSteps = "mean"

    def __post_init__(self) -> None:
        """A window shows only a part of a run."""
        check_window_steps(self.objective_steps)

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """The estimate of one window."""
        past = {name.removeprefix("noise."): x for name, x in estimator_state.items() if name.startswith("noise.")}
        saved = {name: x for name, x in estimator_state.items() if not name.startswith("noise.")}
        particles = Particles.restore(saved, problem, phi, self.window, generator, ways=2)
        mine = problem.ranks.share(problem.tasks)
        drawn = draw_noise(phi, problem.tasks, self.sigma, generator)
        noise, sums = self._perturb({name: e[mine] for name, e in drawn.items()}, past, particles.age)
        n = len(particles.age)
        each = antithetic(phi, noise)
        state: State = tree_map(lambda a, b: torch.cat([a, b]), *particles.states)
        data = {name: x.repeat(2, *[1] * (x.dim() - 1)) for name, x in particles.data.items()}
        value = torch.zeros(2 * n, dtype=particles.lr.dtype, device=particles.lr.device)
        for step_info in particles.step_infos(problem, self.window):
            state = problem.step.advance(each, state, data, step_info.repeat(2))
            if self.objective_steps == "mean":
                value = (
                    value + self.objective(problem.value(state.network, data, exact=self.objective.exact)) / self.window
                )
        raw = problem.value(state.network, data, exact=self.objective.exact)
        shown = value
        if self.objective_steps == "last":
            shown = self.objective(raw)
            ends = (particles.age + self.window == problem.run.steps).to(shown.dtype)
            value = problem.run.steps // self.window * ends.repeat(2) * shown
        each_gradient = es_gradients(value[:n] - value[n:], sums, self.sigma)
        ways = tuple(tree_map(lambda x, way=way: x[way * n : (way + 1) * n], state) for way in range(2))
        alive = torch.ones(n, dtype=torch.bool, device=raw.device)
        later = particles.advanced(ways, self.window, alive, problem, generator)
        continuing = (later.age > 0).to(raw.dtype)
        noise_so_far = {f"noise.{name}": torch.einsum("n,n...->n...", continuing, e) for name, e in sums.items()}
        gradient = {name: g.mean(0) for name, g in each_gradient.items()}
        return problem.estimate(gradient, shown, self.objective.diverged(raw), later.as_tensors() | noise_so_far)

    def _perturb(self, drawn: Tensors, past: Tensors, age: Tensor) -> tuple[Tensors, Tensors]:
        """The perturbations of a window and what its estimate is weighed by, each [tasks, ...].

        Args:
            drawn: fresh noise.
            past: what the window before returned second, zero where a run has ended; empty at first.
            age: steps that each run has made, [tasks].
        """
        return drawn, {name: past[name] + e if past else e for name, e in drawn.items()}

"""Differentiation through whole inner runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap
from torch.utils._pytree import tree_map

from ml3zoo.meta.estimators.base import (
    Aim,
    Estimate,
    Objective,
    Problem,
    aim_weights,
    expand,
    guarded_mean,
)
from ml3zoo.meta.step import Clock, State
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class Unrolled:
    """Differentiates through the whole inner run.

    Each task's gradient is computed apart: those that are not finite are left out, the others are clipped to
    ``clip`` in norm before they are averaged.

    Attributes:
        objective: of one task.
        clip: largest norm of one task's gradient.
        aim: what of the run counts.
        rematerialise: keep only the states between steps and compute each step anew on the way back. Memory then
            grows by one state a step instead of by everything the step computed.
    """

    objective: Objective = Objective()
    clip: float = math.inf
    aim: Aim = "end"
    rematerialise: bool = True

    def __call__(self, problem: Problem, phi: Tensors, memory: Tensors, generator: torch.Generator) -> Estimate:
        """The exact meta-gradient, but for the guards."""
        tasks, lr = problem.sample(generator)
        clocks = problem.run.clocks(tasks, lr)
        weights = aim_weights(self.aim, len(clocks))
        differentiate = differentiate_by_steps if self.rematerialise else differentiate_at_once
        _, value, gradients = differentiate(
            problem, expand(phi, len(lr)), problem.step.start(tasks), tasks.data, clocks, weights, self.objective
        )
        gradient, finite = guarded_mean(gradients, self.clip)
        return problem.estimate(gradient, value, ~finite)


def differentiate_by_steps(
    problem: Problem,
    phi: Tensors,
    state: State,
    data: Tensors,
    clocks: Sequence[Clock],
    weights: Sequence[float],
    objective: Objective,
) -> tuple[State, Tensor, Tensors]:
    """Gradient of the weighted objectives along a stretch of the run, by pulling cotangents back step by step.

    Args:
        problem: gives the step and the true objective.
        phi: loss parameters of each run, [tasks, ...].
        state: before the stretch; nothing is differentiated beyond it.
        data: of the tasks.
        clocks: one per step.
        weights: of the objective after each step.
        objective: of one task.

    Returns:
        The state after the stretch, the weighted objective [tasks], and its gradient by ``phi`` [tasks, ...].
    """
    states = [state]
    with torch.no_grad():
        for clock in clocks:
            states.append(problem.step.advance(phi, states[-1], data, clock))
        value = next(iter(data.values())).new_zeros(len(clocks[0].t))
        cotangent = tree_map(torch.zeros_like, states[-1])
        gradients = {name: torch.zeros_like(p) for name, p in phi.items()}
        for clock, weight, before, after in reversed(list(zip(clocks, weights, states, states[1:], strict=False))):
            if weight:
                worth, slope = _objective_with_slope(problem, after.params, data, objective)
                value = value + weight * worth
                moved = {name: c + weight * slope[name] for name, c in cotangent.params.items()}
                cotangent = cotangent._replace(params=moved)
            by_phi, cotangent = problem.step.pullback(phi, before, data, clock, cotangent)
            gradients = {name: g + by_phi[name] for name, g in gradients.items()}
    return states[-1], value, gradients


def differentiate_at_once(
    problem: Problem,
    phi: Tensors,
    state: State,
    data: Tensors,
    clocks: Sequence[Clock],
    weights: Sequence[float],
    objective: Objective,
) -> tuple[State, Tensor, Tensors]:
    """The same as ``differentiate_by_steps`` through one graph of all steps: faster where it fits into memory."""
    leaves = {name: p.detach().clone().requires_grad_() for name, p in phi.items()}
    value = next(iter(data.values())).new_zeros(len(clocks[0].t))
    for clock, weight in zip(clocks, weights, strict=True):
        state = problem.step.track(leaves, state, data, clock)
        if weight:
            value = value + weight * objective(vmap(problem.family.objective)(state.params, data))
    grads = torch.autograd.grad(value.sum(), list(leaves.values()), materialize_grads=True)
    detached: State = tree_map(torch.detach, state)
    return detached, value.detach(), dict(zip(leaves, grads, strict=True))


def _objective_with_slope(
    problem: Problem, params: Tensors, data: Tensors, objective: Objective
) -> tuple[Tensor, Tensors]:
    """The objective of each task, and its gradient by the task's network."""

    def one(params: Tensors, data: Tensors) -> tuple[Tensor, Tensors]:
        slope, value = grad_and_value(lambda p: objective(problem.family.objective(p, data)))(params)
        return value, slope

    result: tuple[Tensor, Tensors] = vmap(one)(params, data)
    return result

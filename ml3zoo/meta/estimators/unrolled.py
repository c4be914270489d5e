"""Differentiation through whole inner runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils._pytree import tree_map

from ml3zoo.meta.estimators.base import (
    Estimate,
    MetaProblem,
    Objective,
    ObjectiveSteps,
    guarded_mean,
    step_weights,
)
from ml3zoo.meta.inner import expand
from ml3zoo.meta.step import State, Step, StepInfo
from ml3zoo.tasks.base import Tensors


@dataclass(frozen=True)
class Unrolled:
    """Differentiates through the whole inner run.

    Each task's gradient is computed separately: those that are not finite count as zero, the others are clipped to
    ``clip`` in norm before they are averaged.

    Attributes:
        objective: of one task.
        clip: largest norm of one task's gradient.
        objective_steps: where in a run the objective counts.
        rematerialise: keep only the states between steps and compute each step again on the way back. Memory then
            grows by one state a step instead of by everything the step computed.
    """

    objective: Objective = Objective()
    clip: float = math.inf
    objective_steps: ObjectiveSteps = "last"
    rematerialise: bool = True

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """The exact meta-gradient, but for clipping and tasks that are not finite."""
        tasks, lr = problem.sample(generator)
        step_infos = problem.run.step_infos(tasks, lr)
        start, weights = problem.step.start(tasks), step_weights(self.objective_steps, len(step_infos))
        truncation = Truncation(expand(phi, len(lr)), start, tasks.data, step_infos, weights, self.objective)
        differentiate = differentiate_by_steps if self.rematerialise else differentiate_at_once
        _, value, gradients = differentiate(problem.step, truncation)
        gradient, finite = guarded_mean(gradients, self.clip)
        return problem.estimate(gradient, value, ~finite)


class Truncation(NamedTuple):
    """Some consecutive steps of inner runs, and the weights of their objectives.

    Attributes:
        phi: loss parameters of each run, [tasks, ...].
        state: before the first step; nothing is differentiated beyond it.
        data: of the tasks.
        step_infos: one per step, at least one.
        weights: of the objective after each step.
        objective: of one task.
    """

    phi: Tensors
    state: State
    data: Tensors
    step_infos: Sequence[StepInfo]
    weights: Sequence[float]
    objective: Objective


class GradientResult(NamedTuple):
    """The result of differentiating through a truncation.

    Attributes:
        state: after the last step.
        value: the weighted sum of objectives, [tasks].
        gradients: of the value by the loss parameters, [tasks, ...].
    """

    state: State
    value: Tensor
    gradients: Tensors


def differentiate_by_steps(step: Step, truncation: Truncation) -> GradientResult:
    """Reverse mode step by step; each step is computed again from the state before it."""
    phi, state, data, step_infos, weights, objective = truncation
    step_vjp = step.step_vjp(objective)
    states = [state]
    with torch.no_grad():
        for step_info in step_infos[:-1]:
            states.append(step.advance(phi, states[-1], data, step_info))
        one, zero = torch.ones_like(step_infos[0].t), tree_map(torch.zeros_like, state)
        end, end_objective, gradients, cotangent = step_vjp(
            phi, states[-1], data, step_infos[-1], zero, weights[-1] * one
        )
        value = weights[-1] * end_objective
        for before, step_info, weight in reversed(list(zip(states, step_infos, weights, strict=True))[:-1]):
            if weight:
                _, step_objective, by_phi, cotangent = step_vjp(phi, before, data, step_info, cotangent, weight * one)
                value = value + weight * step_objective
            else:
                by_phi, cotangent = step.pullback(phi, before, data, step_info, cotangent)
            gradients = {name: g + by_phi[name] for name, g in gradients.items()}
    return GradientResult(end, value, gradients)


def differentiate_at_once(step: Step, truncation: Truncation) -> GradientResult:
    """The same by autograd through one graph of all steps: faster where it fits into memory."""
    phi, state, data, step_infos, weights, objective = truncation
    leaves = {name: p.detach().clone().requires_grad_() for name, p in phi.items()}
    value = torch.zeros_like(step_infos[0].t)
    for step_info, weight in zip(step_infos, weights, strict=True):
        state = step.track(leaves, state, data, step_info)
        if weight:
            value = value + weight * objective(vmap(step.family.objective)(state.params, data))
    grads = torch.autograd.grad(value.sum(), list(leaves.values()), materialize_grads=True)
    detached: State = tree_map(torch.detach, state)
    return GradientResult(detached, value.detach(), dict(zip(leaves, grads, strict=True)))

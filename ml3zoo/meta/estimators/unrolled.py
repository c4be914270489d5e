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

    Each task's gradient is computed apart: those that are not finite are left out, the others are clipped to
    ``clip`` in norm before they are averaged.

    Attributes:
        objective: of one task.
        clip: largest norm of one task's gradient.
        reported_step: what of the run counts.
        rematerialise: keep only the states between steps and compute each step anew on the way back. Memory then
            grows by one state a step instead of by everything the step computed.
    """

    objective: Objective = Objective()
    clip: float = math.inf
    reported_step: ObjectiveSteps = "last"
    rematerialise: bool = True

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """The exact meta-gradient, but for the guards."""
        tasks, lr = problem.sample(generator)
        step_infos = problem.run.step_infos(tasks, lr)
        start, weights = problem.step.start(tasks), step_weights(self.reported_step, len(step_infos))
        truncation = Truncation(expand(phi, len(lr)), start, tasks.data, step_infos, weights, self.objective)
        differentiate = differentiate_by_steps if self.rematerialise else differentiate_at_once
        _, value, gradients = differentiate(problem.step, truncation)
        gradient, finite = guarded_mean(gradients, self.clip)
        return problem.estimate(gradient, value, ~finite)


class Truncation(NamedTuple):
    """Some steps of inner runs, and what of them counts.

    Attributes:
        phi: loss parameters of each run, [tasks, ...].
        state: before the truncation; nothing is differentiated beyond it.
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
    """What differentiation gives.

    Attributes:
        state: after the truncation.
        value: the weighted objectives, [tasks].
        gradients: of it by the loss parameters, [tasks, ...].
    """

    state: State
    value: Tensor
    gradients: Tensors


def differentiate_by_steps(step: Step, truncation: Truncation) -> GradientResult:
    """Pull cotangents back step by step, each step computed anew from the state before it."""
    phi, state, data, step_infos, weights, objective = truncation
    step_vjp = step.step_vjp(objective)
    befores = [state]
    with torch.no_grad():
        for step_info in step_infos[:-1]:
            befores.append(step.advance(phi, befores[-1], data, step_info))
        one, nothing = torch.ones_like(step_infos[0].t), tree_map(torch.zeros_like, state)
        end, value_now, gradients, cotangent = step_vjp(
            phi, befores[-1], data, step_infos[-1], nothing, weights[-1] * one
        )
        value = weights[-1] * value_now
        for before, step_info, weight in reversed(list(zip(befores, step_infos, weights, strict=True))[:-1]):
            if weight:
                _, value_now, by_phi, cotangent = step_vjp(phi, before, data, step_info, cotangent, weight * one)
                value = value + weight * value_now
            else:
                by_phi, cotangent = step.pullback(phi, before, data, step_info, cotangent)
            gradients = {name: g + by_phi[name] for name, g in gradients.items()}
    return GradientResult(end, value, gradients)


def differentiate_at_once(step: Step, truncation: Truncation) -> GradientResult:
    """The same through one graph of all steps: faster where it fits into estimator_state."""
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

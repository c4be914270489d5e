"""Differentiation through whole inner runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils._pytree import tree_leaves, tree_map

from ml3zoo.errors import InputError
from ml3zoo.meta.agents import steps_apart
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
        growth: how much larger than at the end of the run the gradient by a state may become on the way back; it is
            scaled down to that. Long runs in minibatches are chaotic: without a bound a few steps drown all others.
    """

    objective: Objective = Objective()
    clip: float = math.inf
    objective_steps: ObjectiveSteps = "last"
    rematerialise: bool = True
    growth: float = math.inf

    def __post_init__(self) -> None:
        """A bound needs the gradient by each state."""
        if self.growth < math.inf and not self.rematerialise:
            raise InputError("growth bounds the gradient by each state: it needs rematerialise=True.")

    def __call__(
        self, problem: MetaProblem, phi: Tensors, estimator_state: Tensors, generator: torch.Generator
    ) -> Estimate:
        """The exact meta-gradient, but for clipping and tasks that are not finite."""
        tasks, lr = problem.sample(generator)
        step_infos = list(steps_apart(problem.run).step_infos(tasks, lr))
        start, weights = problem.step.start(tasks), step_weights(self.objective_steps, len(step_infos))
        truncation = Truncation(
            expand(phi, len(lr)), start, tasks.data, step_infos, weights, self.objective, self.growth
        )
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
        growth: of the gradient by a state, at most; see ``Unrolled``.
    """

    phi: Tensors
    state: State
    data: Tensors
    step_infos: Sequence[StepInfo]
    weights: Sequence[float]
    objective: Objective
    growth: float = math.inf


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
    phi, state, data, step_infos, weights, objective, growth = truncation
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
        largest = growth * _norm(cotangent)
        for before, step_info, weight in reversed(list(zip(states, step_infos, weights, strict=True))[:-1]):
            if weight:
                _, step_objective, by_phi, cotangent = step_vjp(phi, before, data, step_info, cotangent, weight * one)
                value = value + weight * step_objective
            else:
                by_phi, cotangent = step.pullback(phi, before, data, step_info, cotangent)
            gradients = {name: g + by_phi[name] for name, g in gradients.items()}
            if growth < math.inf:
                cotangent = _bounded(cotangent, largest)
    return GradientResult(end, value, gradients)


def _norm(state: State) -> Tensor:
    """Of each task, [tasks]."""
    return torch.stack([x.reshape(len(x), -1).square().sum(1) for x in tree_leaves(state)]).sum(0).sqrt()


def _bounded(cotangent: State, largest: Tensor) -> State:
    """Scaled down where it is larger in norm, zero where it is not finite."""
    norm = _norm(cotangent)
    factor = torch.where(norm.isfinite(), (largest / norm.clamp_min(1e-30)).clamp(max=1.0), 0.0)
    scaled: State = tree_map(lambda x: factor.view(-1, *[1] * (x.dim() - 1)) * x.nan_to_num(0.0, 0.0, 0.0), cotangent)
    return scaled


def differentiate_at_once(step: Step, truncation: Truncation) -> GradientResult:
    """The same by autograd through one graph of all steps: faster where it fits into memory."""
    phi, state, data, step_infos, weights, objective, _ = truncation
    leaves = {name: p.detach().clone().requires_grad_() for name, p in phi.items()}
    value = torch.zeros_like(step_infos[0].t)
    for step_info, weight in zip(step_infos, weights, strict=True):
        state = step.track(leaves, state, data, step_info)
        if weight:
            value = value + weight * objective(vmap(step.family.objective)(state.network, data))
    grads = torch.autograd.grad(value.sum(), list(leaves.values()), materialize_grads=True)
    detached: State = tree_map(torch.detach, state)
    return GradientResult(detached, value.detach(), dict(zip(leaves, grads, strict=True)))

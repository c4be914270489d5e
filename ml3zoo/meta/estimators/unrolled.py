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
    Aim,
    Estimate,
    Objective,
    Problem,
    aim_weights,
    guarded_mean,
)
from ml3zoo.meta.inner import expand
from ml3zoo.meta.step import Clock, State, Step
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
        start, weights = problem.step.start(tasks), aim_weights(self.aim, len(clocks))
        stretch = Stretch(expand(phi, len(lr)), start, tasks.data, clocks, weights, self.objective)
        differentiate = differentiate_by_steps if self.rematerialise else differentiate_at_once
        _, value, gradients = differentiate(problem.step, stretch)
        gradient, finite = guarded_mean(gradients, self.clip)
        return problem.estimate(gradient, value, ~finite)


class Stretch(NamedTuple):
    """Some steps of inner runs, and what of them counts.

    Attributes:
        phi: loss parameters of each run, [tasks, ...].
        state: before the stretch; nothing is differentiated beyond it.
        data: of the tasks.
        clocks: one per step, at least one.
        weights: of the objective after each step.
        objective: of one task.
    """

    phi: Tensors
    state: State
    data: Tensors
    clocks: Sequence[Clock]
    weights: Sequence[float]
    objective: Objective


class Slope(NamedTuple):
    """What differentiation gives.

    Attributes:
        state: after the stretch.
        value: the weighted objectives, [tasks].
        gradients: of it by the loss parameters, [tasks, ...].
    """

    state: State
    value: Tensor
    gradients: Tensors


def differentiate_by_steps(step: Step, stretch: Stretch) -> Slope:
    """Pull cotangents back step by step, each step computed anew from the state before it."""
    phi, state, data, clocks, weights, objective = stretch
    score = step.score(objective)
    befores = [state]
    with torch.no_grad():
        for clock in clocks[:-1]:
            befores.append(step.advance(phi, befores[-1], data, clock))
        one, nothing = torch.ones_like(clocks[0].t), tree_map(torch.zeros_like, state)
        end, worth, gradients, cotangent = score(phi, befores[-1], data, clocks[-1], nothing, weights[-1] * one)
        value = weights[-1] * worth
        for before, clock, weight in reversed(list(zip(befores, clocks, weights, strict=True))[:-1]):
            if weight:
                _, worth, by_phi, cotangent = score(phi, before, data, clock, cotangent, weight * one)
                value = value + weight * worth
            else:
                by_phi, cotangent = step.pullback(phi, before, data, clock, cotangent)
            gradients = {name: g + by_phi[name] for name, g in gradients.items()}
    return Slope(end, value, gradients)


def differentiate_at_once(step: Step, stretch: Stretch) -> Slope:
    """The same through one graph of all steps: faster where it fits into memory."""
    phi, state, data, clocks, weights, objective = stretch
    leaves = {name: p.detach().clone().requires_grad_() for name, p in phi.items()}
    value = torch.zeros_like(clocks[0].t)
    for clock, weight in zip(clocks, weights, strict=True):
        state = step.track(leaves, state, data, clock)
        if weight:
            value = value + weight * objective(vmap(step.family.objective)(state.params, data))
    grads = torch.autograd.grad(value.sum(), list(leaves.values()), materialize_grads=True)
    detached: State = tree_map(torch.detach, state)
    return Slope(detached, value.detach(), dict(zip(leaves, grads, strict=True)))

"""One inner step of many networks at once, each on its own task and under its own loss parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp, vmap

from ml3zoo.losses import call_arguments, context_argument
from ml3zoo.meta.compilation import compile_per_shape
from ml3zoo.meta.optimizers import InnerOptimizer, OptimizerState
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors


class State(NamedTuple):
    """Networks in training: their parameters and their optimiser's state, each tensor with a leading task axis."""

    params: Tensors
    optimizer: OptimizerState


class StepInfo(NamedTuple):
    """The place of a step in a run: learning rate, steps done so far, share of the run that is done; all [tasks]."""

    lr: Tensor
    t: Tensor
    progress: Tensor


MetaObjective = Callable[[Tensor], Tensor]
"""The meta-objective of a task, from its true objective."""
StepVJP = Callable[[Tensors, State, Tensors, StepInfo, State, Tensor], tuple[State, Tensor, Tensors, State]]
"""A step, its meta-objective and the vector-Jacobian product of both; see ``Step.step_vjp``."""


def unobserved(step: int, params: Tensors) -> None:
    """Default callback; does nothing."""


@dataclass(frozen=True, eq=False)
class Step:
    """A pure function of loss parameters, state, data and step info; all with a leading task axis.

    Attributes:
        loss: a learned loss, or any module called as ``loss(input=, target=)``.
        family: gives the loss its arguments.
        optimizer: updates the parameters.
        advance: ``(phi, state, data, step_info) -> state`` after the step, without an autograd graph.
        track: the same with an autograd graph.
        pullback: ``(phi, state, data, step_info, cotangent of the new state) -> cotangents of phi and of the old
            state``. Computes the step again, so that nothing of it needs to be stored.
        step_vjp: takes a meta-objective (hashable) and returns a function for steps whose objective counts:
            ``(phi, state, data, step_info, cotangent of the new state, weight of the meta-objective) -> new state,
            meta-objective, cotangents of phi and of the old state``, at the cost of one pullback.
    """

    loss: nn.Module
    family: TaskFamily
    optimizer: InnerOptimizer
    advance: Callable[[Tensors, State, Tensors, StepInfo], State]
    track: Callable[[Tensors, State, Tensors, StepInfo], State]
    pullback: Callable[[Tensors, State, Tensors, StepInfo, State], tuple[Tensors, State]]
    step_vjp: Callable[[MetaObjective], StepVJP]

    @classmethod
    def of(cls, loss: nn.Module, family: TaskFamily, optimizer: InnerOptimizer, *, compiled: bool = False) -> Step:
        """The step of a loss, a family of tasks and an optimiser.

        Args:
            loss: a learned loss, or any module called as ``loss(input=, target=)``.
            family: gives the loss its arguments.
            optimizer: updates the parameters.
            compiled: through ``torch.compile``, once per shape; eagerly, with a warning, where no compiler is found.
        """

        def one(phi: Tensors, state: State, data: Tensors, step_info: StepInfo, through_batch: bool) -> State:
            def value(params: Tensors) -> Tensor:
                arguments = call_arguments(loss, family.loss_arguments(params, data), progress=step_info.progress)
                if through_batch:
                    # constants to this step's gradient, but not to the gradient of what comes of it
                    arguments |= context_argument(loss, lambda: family.loss_arguments(state.params, data))
                result: Tensor = functional_call(loss, phi, (), arguments)
                return result

            grads = grad(value)(state.params)
            return State(*optimizer.step(state.params, grads, state.optimizer, step_info.lr, step_info.t + 1))

        def advance(phi: Tensors, state: State, data: Tensors, step_info: StepInfo) -> State:
            return one(phi, state, data, step_info, False)

        def track(phi: Tensors, state: State, data: Tensors, step_info: StepInfo) -> State:
            return one(phi, state, data, step_info, True)

        def pullback(
            phi: Tensors, state: State, data: Tensors, step_info: StepInfo, cotangent: State
        ) -> tuple[Tensors, State]:
            back = vjp(lambda p, s: track(p, s, data, step_info), phi, state)[1]
            cotangents: tuple[Tensors, State] = back(cotangent)
            return cotangents

        def step_vjp(
            meta_objective: MetaObjective,
            phi: Tensors,
            state: State,
            data: Tensors,
            step_info: StepInfo,
            cotangent: State,
            weight: Tensor,
        ) -> tuple[State, Tensor, Tensors, State]:
            def step_and_objective(p: Tensors, s: State) -> tuple[State, Tensor]:
                after = track(p, s, data, step_info)
                return after, meta_objective(family.objective(after.params, data))

            (after, objective), back = vjp(step_and_objective, phi, state)[:2]
            by_phi, by_state = back((cotangent, weight))
            return after, objective, by_phi, by_state

        prepare: Callable[..., Any] = compile_per_shape if compiled else lambda function: function
        return cls(
            loss,
            family,
            optimizer,
            advance=prepare(vmap(advance)),
            track=vmap(track),
            pullback=prepare(vmap(pullback)),
            step_vjp=cache(lambda meta_objective: prepare(vmap(partial(step_vjp, meta_objective)))),
        )

    def roll(
        self,
        phi: Tensors,
        state: State,
        data: Tensors,
        step_infos: Iterable[StepInfo],
        observe: Callable[[int, Tensors], None] = unobserved,
    ) -> State:
        """One step for each step info; ``observe`` is called with (number of steps, parameters) after each."""
        with torch.no_grad():
            for done, step_info in enumerate(step_infos, 1):
                state = self.advance(phi, state, data, step_info)
                observe(done, state.params)
        return state

    def start(self, tasks: Tasks) -> State:
        """The state of all networks before their first step."""
        params = {name: p.detach() for name, p in tasks.initial.items()}
        return State(params, self.optimizer.init(params))

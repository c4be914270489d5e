"""One inner step of many networks side by side, each on its own task and under its own loss parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp, vmap

from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.compilation import compile_per_shape
from ml3zoo.meta.optimizers import InnerOptimizer, Moments
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors


class State(NamedTuple):
    """Networks in training: their parameters and their optimiser's state, each tensor with a leading task axis."""

    params: Tensors
    optimizer: Moments


class Clock(NamedTuple):
    """Where each network stands: learning rate, number of steps taken, share of the training done; all [tasks]."""

    lr: Tensor
    t: Tensor
    progress: Tensor


Worth = Callable[[Tensor], Tensor]
"""The meta-objective of a task from its true objective."""
Score = Callable[[Tensors, State, Tensors, Clock, State, Tensor], tuple[State, Tensor, Tensors, State]]


def unobserved(step: int, params: Tensors) -> None:
    """What watches a run that nobody watches."""


@dataclass(frozen=True, eq=False)
class Step:
    """A pure function of loss parameters, state, data and clock; all with a leading task axis.

    Attributes:
        loss: a learned loss, or any module called as ``loss(input=, target=)``.
        family: gives the loss its arguments.
        optimizer: moves the parameters.
        advance: ``(phi, state, data, clock) -> state`` after the step.
        track: the same, also where the result is differentiated by autograd.
        pullback: ``(phi, state, data, clock, cotangent of the new state) -> cotangents of phi and of the old state``.
            Computes the step anew, so that nothing of it need be kept.
        score: of a meta-objective (hashable) it makes the function for a step whose result counts, which does all of
            ``(phi, state, data, clock, cotangent of the new state, weight) -> new state, value of the meta-objective,
            cotangents of phi and of the old state`` at the cost of one pullback.
    """

    loss: nn.Module
    family: TaskFamily
    optimizer: InnerOptimizer
    advance: Callable[[Tensors, State, Tensors, Clock], State]
    track: Callable[[Tensors, State, Tensors, Clock], State]
    pullback: Callable[[Tensors, State, Tensors, Clock, State], tuple[Tensors, State]]
    score: Callable[[Worth], Score]

    @classmethod
    def of(cls, loss: nn.Module, family: TaskFamily, optimizer: InnerOptimizer, *, compiled: bool = False) -> Step:
        """The step of a loss, a family of tasks and an optimiser.

        Args:
            loss: a learned loss, or any module called as ``loss(input=, target=)``.
            family: gives the loss its arguments.
            optimizer: moves the parameters.
            compiled: through ``torch.compile``, once per shape; eagerly, with a warning, where no compiler is found.
        """

        def one(phi: Tensors, state: State, data: Tensors, clock: Clock, through_batch: bool) -> State:
            def value(params: Tensors) -> Tensor:
                arguments: dict[str, Any] = {**family.signals(params, data)}
                if isinstance(loss, LearnedLoss):
                    arguments["progress"] = clock.progress
                    if through_batch and loss.statistics:
                        # constants to this step's gradient, but not to the gradient of what comes of it
                        arguments["context"] = loss.context(**family.signals(state.params, data))
                else:
                    arguments.pop("feature", None)
                result: Tensor = functional_call(loss, phi, (), arguments)
                return result

            grads = grad(value)(state.params)
            return State(*optimizer.step(state.params, grads, state.optimizer, clock.lr, clock.t + 1))

        def advance(phi: Tensors, state: State, data: Tensors, clock: Clock) -> State:
            return one(phi, state, data, clock, False)

        def track(phi: Tensors, state: State, data: Tensors, clock: Clock) -> State:
            return one(phi, state, data, clock, True)

        def pullback(
            phi: Tensors, state: State, data: Tensors, clock: Clock, cotangent: State
        ) -> tuple[Tensors, State]:
            back = vjp(lambda p, s: track(p, s, data, clock), phi, state)[1]
            cotangents: tuple[Tensors, State] = back(cotangent)
            return cotangents

        def scored(
            worth: Worth, phi: Tensors, state: State, data: Tensors, clock: Clock, cotangent: State, weight: Tensor
        ) -> tuple[State, Tensor, Tensors, State]:
            def ahead(p: Tensors, s: State) -> tuple[State, Tensor]:
                after = track(p, s, data, clock)
                return after, worth(family.objective(after.params, data))

            outcome, back = vjp(ahead, phi, state)[:2]
            after, value = outcome
            by_phi, by_state = back((cotangent, weight))
            return after, value, by_phi, by_state

        prepare: Callable[..., Any] = compile_per_shape if compiled else lambda function: function
        return cls(
            loss,
            family,
            optimizer,
            advance=prepare(vmap(advance)),
            track=vmap(track),
            pullback=prepare(vmap(pullback)),
            score=cache(lambda worth: prepare(vmap(partial(scored, worth)))),
        )

    def roll(
        self,
        phi: Tensors,
        state: State,
        data: Tensors,
        clocks: Iterable[Clock],
        observe: Callable[[int, Tensors], None] = unobserved,
    ) -> State:
        """Many steps, one for each clock; ``observe`` is called with (number of steps, parameters) after each."""
        with torch.no_grad():
            for done, clock in enumerate(clocks, 1):
                state = self.advance(phi, state, data, clock)
                observe(done, state.params)
        return state

    def start(self, tasks: Tasks) -> State:
        """All networks before their first step."""
        params = {name: p.detach() for name, p in tasks.initial.items()}
        return State(params, self.optimizer.init(params))

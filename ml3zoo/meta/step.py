"""One inner step of many networks at once, each on its own task and under its own loss parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vjp, vmap

from ml3zoo.losses import call_arguments, context_of, empty_memory, remember
from ml3zoo.meta.compilation import compile_per_shape
from ml3zoo.meta.minibatches import take_rows
from ml3zoo.meta.optimizers import InnerOptimizer, OptimizerState
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors


class State(NamedTuple):
    """Networks in training, each tensor with a leading task axis.

    Attributes:
        params: of the networks.
        optimizer: its state.
        memory: what the loss remembers.
        buffers: running statistics of the networks' layers, as of batch normalisation. Constants to meta-gradients by
            differentiation; evolution strategies see what they do.
    """

    params: Tensors
    optimizer: OptimizerState
    memory: Tensors
    buffers: Tensors

    @property
    def network(self) -> Tensors:
        """Parameters and buffers, as a call of the network takes them."""
        return self.params | self.buffers


class StepInfo(NamedTuple):
    """The place of a step in a run.

    Attributes:
        lr: learning rate, [tasks].
        t: steps done so far, [tasks].
        progress: share of the run that is done, [tasks].
        rows: of the minibatch, [tasks, batch]; [tasks, 0] if the step sees all rows.
    """

    lr: Tensor
    t: Tensor
    progress: Tensor
    rows: Tensor

    def repeat(self, times: int) -> StepInfo:
        """Of the same tasks ``times`` over, the whole batch after itself."""
        return StepInfo(*(x.repeat(times, *[1] * (x.dim() - 1)) for x in self))


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
            def in_training(params: Tensors) -> tuple[Tensors, Tensors]:
                # layers write into the buffers that they are given; torch does not differentiate through them
                buffers = {name: x.detach().clone() for name, x in state.buffers.items()}
                return family.loss_arguments(params | buffers, data), buffers

            def value(params: Tensors) -> tuple[Tensor, tuple[Tensors, Tensors]]:
                given, buffers = in_training(params)
                arguments = call_arguments(loss, given, progress=step_info.progress)

                def batch() -> Tensors:
                    # a constant to this step's gradient, but not to the gradient of what comes of it
                    if through_batch:
                        return in_training(state.params)[0]
                    return {name: x.detach() for name, x in given.items()}

                memory, context = remember(loss, state.memory, batch)
                if through_batch:
                    context |= context_of(loss, batch)
                if context:
                    arguments["context"] = context
                result: Tensor = functional_call(loss, phi, (), arguments)
                return result, (memory, buffers)

            grads, (memory, buffers) = grad(value, has_aux=True)(state.params)
            after = optimizer.step(state.params, grads, state.optimizer, step_info.lr, step_info.t + 1)
            return State(*after, memory, buffers)

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
            all_rows: Tensors,
        ) -> tuple[State, Tensor, Tensors, State]:
            def step_and_objective(p: Tensors, s: State) -> tuple[State, Tensor]:
                after = track(p, s, data, step_info)
                return after, meta_objective(family.objective(after.network, data | all_rows))

            (after, objective), back = vjp(step_and_objective, phi, state)[:2]
            by_phi, by_state = back((cotangent, weight))
            return after, objective, by_phi, by_state

        prepare: Callable[..., Any] = compile_per_shape if compiled else lambda function: function

        def on_minibatch(function: Callable[..., Any]) -> Callable[..., Any]:
            # rows are taken for all tasks at once: an index within vmap costs more than the step itself
            def call(phi: Tensors, state: State, data: Tensors, step_info: StepInfo, *more: Any) -> Any:
                return function(phi, state, take_rows(data, family.rows, step_info.rows), step_info, *more)

            return call

        def step_vjp_of(meta_objective: MetaObjective) -> StepVJP:
            function = on_minibatch(prepare(vmap(partial(step_vjp, meta_objective))))

            def call(
                phi: Tensors, state: State, data: Tensors, step_info: StepInfo, cotangent: State, weight: Tensor
            ) -> tuple[State, Tensor, Tensors, State]:
                all_rows = {name: data[name] for name in family.rows} if step_info.rows.shape[1] else {}
                found: tuple[State, Tensor, Tensors, State] = function(
                    phi, state, data, step_info, cotangent, weight, all_rows
                )
                return found

            return call

        return cls(
            loss,
            family,
            optimizer,
            advance=on_minibatch(prepare(vmap(advance))),
            track=on_minibatch(vmap(track)),
            pullback=on_minibatch(prepare(vmap(pullback))),
            step_vjp=cache(step_vjp_of),
        )

    def roll(
        self,
        phi: Tensors,
        state: State,
        data: Tensors,
        step_infos: Iterable[StepInfo],
        observe: Callable[[int, Tensors], None] = unobserved,
    ) -> State:
        """One step for each step info; ``observe`` is called with (number of steps, networks) after each."""
        with torch.no_grad():
            for done, step_info in enumerate(step_infos, 1):
                state = self.advance(phi, state, data, step_info)
                observe(done, state.network)
        return state

    def start(self, tasks: Tasks) -> State:
        """The state of all networks before their first step."""
        params = {name: p.detach() for name, p in tasks.initial.items()}

        def outputs() -> Tensor:
            with torch.no_grad():
                buffers = {name: x.clone() for name, x in tasks.buffers.items()}
                return vmap(self.family.loss_arguments)(params | buffers, tasks.data)["input"]

        memory = empty_memory(self.loss, next(iter(params.values())), outputs)
        return State(params, self.optimizer.init(params), memory, tasks.buffers)

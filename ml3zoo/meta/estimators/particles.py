"""Networks in the middle of their inner runs, kept from one estimate to the next."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from ml3zoo.errors import InputError
from ml3zoo.meta.agents import steps_apart
from ml3zoo.meta.estimators.base import MetaProblem, ObjectiveSteps
from ml3zoo.meta.inner import expand
from ml3zoo.meta.step import State, StepInfo
from ml3zoo.tasks.base import Tensors

Tree = TypeVar("Tree")


def check_window_steps(objective_steps: ObjectiveSteps) -> None:
    """Check that an estimator can see in a window what counts.

    Raises:
        InputError: it needs the whole run.
    """
    if objective_steps == "both":
        raise InputError(
            'objective_steps "both" weighs the end of a run against all its steps, which needs the whole run: take '
            '"last" or "mean", or an estimator of whole runs (Unrolled, Mixed).'
        )


@dataclass(frozen=True)
class Particles:
    """Half-trained networks, one or more on each task.

    Attributes:
        states: one for each way in which networks are trained on the same tasks.
        data: of the tasks.
        age: number of steps since their start, [tasks].
        lr: learning rates, [tasks].
    """

    states: tuple[State, ...]
    data: Tensors
    age: Tensor
    lr: Tensor

    @classmethod
    def restore(
        cls,
        estimator_state: Tensors,
        problem: MetaProblem,
        phi: Tensors,
        window: int,
        generator: torch.Generator,
        ways: int = 1,
    ) -> Particles:
        """The particles that ``as_tensors`` wrote, or fresh ones of all ages if there are none.

        Args:
            estimator_state: what ``as_tensors`` wrote, or empty.
            problem: the inner runs.
            phi: loss parameters under which fresh particles are trained.
            window: steps of a window.
            generator: of the tasks.
            ways: number of states.

        Raises:
            InputError: the run is not a whole number of windows.
        """
        if estimator_state:
            return cls._from_tensors(estimator_state, ways)
        if steps_apart(problem.run).steps % window:
            raise InputError(
                f"a run of {problem.run.steps} steps cannot be cut into windows of {window}: the number of steps must "
                "be a multiple of the window. Change one of them."
            )
        tasks, lr = problem.sample(generator)
        number = torch.arange(problem.tasks, device=lr.device)[problem.ranks.share(problem.tasks)]
        age = (number % (problem.run.steps // window) * window).to(lr.dtype)
        state = problem.step.start(tasks)
        for step_info in steps_apart(problem.run).window(tasks.data, lr, torch.zeros_like(age), int(age.max())):
            later = problem.step.roll(expand(phi, len(lr)), state, tasks.data, [step_info])
            state = choose(step_info.t < age, later, state)
        return cls((state,) * ways, tasks.data, age, lr)

    def step_infos(self, problem: MetaProblem, window: int) -> list[StepInfo]:
        """The step infos of the next window."""
        return list(steps_apart(problem.run).window(self.data, self.lr, self.age, window))

    def advanced(
        self, states: tuple[State, ...], window: int, alive: Tensor, problem: MetaProblem, generator: torch.Generator
    ) -> Particles:
        """The particles a window later. Those that have finished or are not ``alive`` [tasks] start on a new task."""
        age = self.age + window
        done = (age >= problem.run.steps) | ~alive
        fresh, lr = problem.sample(generator)
        start = problem.step.start(fresh)
        return replace(
            self,
            states=tuple(choose(done, start, state) for state in states),
            data=choose(done, fresh.data, self.data),
            age=torch.where(done, 0.0, age),
            lr=torch.where(done, lr, self.lr),
        )

    def as_tensors(self) -> Tensors:
        """As plain tensors, each with a leading task axis."""
        estimator_state = {f"data.{name}": x for name, x in self.data.items()} | {"age": self.age, "lr": self.lr}
        for way, state in enumerate(self.states):
            parts = {"params": state.params, "memory": state.memory, "buffers": state.buffers, **state.optimizer}
            for part, tensors in parts.items():
                estimator_state |= {f"{part}.{way}.{name}": x for name, x in tensors.items()}
        return estimator_state

    @classmethod
    def _from_tensors(cls, estimator_state: Tensors, ways: int) -> Particles:
        parts: dict[tuple[str, ...], Tensors] = defaultdict(dict)
        for name, x in estimator_state.items():
            if name.startswith("data."):
                parts["data",][name.removeprefix("data.")] = x
            elif "." in name:
                part, way, rest = name.split(".", 2)
                parts[part, way][rest] = x
        states = []
        for number in map(str, range(ways)):
            mine = {part: tensors for (part, *of), tensors in parts.items() if of == [number]}
            params, memory, buffers = (mine.pop(part, {}) for part in ("params", "memory", "buffers"))
            states.append(State(params, mine, memory, buffers))
        return cls(tuple(states), parts["data",], estimator_state["age"], estimator_state["lr"])


def choose(which: Tensor, yes: Tree, no: Tree) -> Tree:
    """Tensors of ``yes`` for those tasks that ``which`` [tasks] says, of ``no`` for the others."""
    result: Tree = tree_map(lambda a, b: torch.where(which.view(-1, *[1] * (a.dim() - 1)), a, b), yes, no)
    return result

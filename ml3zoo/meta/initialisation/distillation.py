"""Distillation: fit a cheap loss (the student) to an expensive one (the teacher) on trainings under the teacher.

Training uses nothing of a loss but its gradient with respect to the predictions, so that gradient is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from ml3zoo.errors import InputError
from ml3zoo.format.signals import RUNNING
from ml3zoo.losses import LearnedLoss, remember
from ml3zoo.meta.agents import steps_apart
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.inner import expand
from ml3zoo.meta.minibatches import take_rows
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.meta.step import State
from ml3zoo.tasks.base import Tensors
from ml3zoo.zoo.loading import load_loss

_TINY = 1e-12


@dataclass(frozen=True)
class Samples:
    """Calls of a teacher at some steps of many trainings, and its gradients.

    Attributes:
        arguments: of the loss, each [samples, ...].
        gradient: of the teacher by its input, [samples, ...].
    """

    arguments: Tensors
    gradient: Tensor

    @cached_property
    def squared_norm(self) -> Tensor:
        """Of the gradient, [samples]."""
        return self.gradient.square().flatten(1).sum(1) + _TINY


@dataclass(frozen=True)
class Distillation:
    """An initialisation: the loss becomes the student of a loss in the zoo.

    Attributes:
        teacher: its name.
        tasks, snapshots, iterations: see ``distill``.
    """

    teacher: str
    tasks: int = 4
    snapshots: int = 10
    iterations: int = 80

    def __call__(self, student: LearnedLoss, training_configs: Sequence[TrainingConfig], seed: int) -> float:
        """Fit ``student``; the share of the teacher's squared gradient that it misses."""
        teacher = load_loss(self.teacher)
        return distill(
            teacher,
            student,
            training_configs,
            tasks=self.tasks,
            snapshots=self.snapshots,
            iterations=self.iterations,
            seed=seed,
        )

    def quick(self) -> Self:
        """The same in seconds, less well."""
        return replace(self, tasks=1, snapshots=4, iterations=5)


def distill(
    teacher: LearnedLoss,
    student: LearnedLoss,
    training_configs: Sequence[TrainingConfig],
    *,
    tasks: int = 8,
    snapshots: int = 16,
    iterations: int = 100,
    seed: int = 0,
) -> float:
    """Fit the parameters of ``student`` so that its gradients on predictions equal the teacher's.

    Args:
        teacher: the loss that is imitated.
        student: a loss of any family and of the same problem type; the fit starts at its parameters and changes them.
        training_configs: of the trainings that the two are compared in.
        tasks: of each training config.
        snapshots: of each training, evenly spread over its steps.
        iterations: of L-BFGS.
        seed: of the tasks.

    Returns:
        The share of the squared gradient that the student misses, a mean over snapshots: 0 for a perfect student.

    Raises:
        InputError: the two losses are of different problem types, or every training under the teacher diverges.
    """
    if teacher.config.problem_type != student.config.problem_type:
        raise InputError(
            f"{teacher.config.name} is a {teacher.config.problem_type} loss and {student.config.name} a "
            f"{student.config.problem_type} loss: a student of the same problem type was expected."
        )
    with reproducible_compute():
        samples = [collect_samples(teacher, each, tasks, snapshots, seed) for each in training_configs]
        return fit(student, samples, iterations)


def collect_samples(
    teacher: LearnedLoss, training_config: TrainingConfig, tasks: int, snapshots: int, seed: int
) -> Samples:
    """Train networks under a teacher and record its calls; trainings that diverge are left out."""
    family, run = training_config.family, steps_apart(training_config.run)
    drawn = run.sample(family, torch.Generator().manual_seed(seed), tasks, "train")
    step, phi = run.step(teacher, family), {name: p.detach() for name, p in teacher.named_parameters()}
    state, every = step.start(drawn), max(1, run.steps // snapshots)
    recorded: list[Tensors] = []
    with torch.no_grad():
        for done, step_info in enumerate(run.step_infos(drawn)):
            if done % every == 0:
                seen = take_rows(drawn.data, family.rows, step_info.rows)
                networks = {name: p.clone() for name, p in state.network.items()}
                call = vmap(family.loss_arguments)(networks, seen)
                call.pop("index", None)  # no learned loss knows rows by their number
                recorded.append(call | _recalled(teacher, state, call) | {"progress": step_info.progress})
            state = step.advance(expand(phi, tasks), state, drawn.data, step_info)
    arguments = {name: torch.cat([one[name] for one in recorded]) for name in recorded[0]}
    gradients = gradient(teacher, phi, arguments)
    usable = gradients.flatten(1).isfinite().all(1) & (gradients.flatten(1).abs().amax(1) > 0)
    if not usable.any():
        raise InputError(
            f"{teacher.config.name} has no gradient other than zero, or none that is finite, in any training under "
            f"{run.optimizer} at lr {run.lr:g}: there is nothing to imitate. Give training configs in which it works."
        )
    return Samples({name: x[usable] for name, x in arguments.items()}, gradients[usable])


def fit(student: LearnedLoss, samples: Sequence[Samples], iterations: int) -> float:
    """Fit a student to the samples of teachers by L-BFGS; the share of the squared gradient that it misses."""
    phi = {name: p.detach().clone().requires_grad_() for name, p in student.named_parameters()}
    best = _Best()

    def closure() -> Tensor:
        for p in phi.values():
            p.grad = None
        missed = torch.stack([_missed(student, phi, each) for each in samples]).mean()
        best.offer(missed.item(), phi)
        if missed.requires_grad:
            torch.autograd.backward(missed)
        return missed

    if not sum(p.numel() for p in phi.values()):
        return closure().item()
    optimizer = torch.optim.LBFGS(list(phi.values()), max_iter=iterations, line_search_fn="strong_wolfe")
    optimizer.step(closure)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for name, p in student.named_parameters():
            p.copy_(best.phi.get(name, p))
    return best.missed


def gradient(loss: LearnedLoss, phi: Tensors, arguments: Tensors) -> Tensor:
    """Gradient of a loss by its input for each sample, [samples, ...].

    Args:
        loss: the loss.
        phi: its parameters.
        arguments: of its calls, each [samples, ...]; running means among them are what it remembered then.
    """

    def one(input: Tensor, others: Tensors, context: Tensors) -> Tensor:
        value: Tensor = functional_call(loss, phi, (input,), {**others, "context": context})
        return value

    context = {name: arguments[name] for name in loss.context_names if name in arguments}
    others = {name: x for name, x in arguments.items() if name != "input" and not name.startswith(RUNNING)}
    gradient: Tensor = vmap(grad(one))(arguments["input"], others, context)
    return gradient


def _recalled(teacher: LearnedLoss, state: State, call: Tensors) -> Tensors:
    """The running means that a teacher sees in calls, each [tasks]."""
    if not state.memory:
        return {}
    context: Tensors = vmap(lambda memory, given: remember(teacher, memory, lambda: given)[1])(state.memory, call)
    return context


class _Best:
    """The best parameters of a fit so far."""

    def __init__(self) -> None:
        self.missed, self.phi = float("inf"), Tensors()

    def offer(self, missed: float, phi: Tensors) -> None:
        if missed < self.missed:
            self.missed, self.phi = missed, {name: p.detach().clone() for name, p in phi.items()}


def _missed(student: LearnedLoss, phi: Tensors, samples: Samples) -> Tensor:
    """Mean over samples of the share of the squared gradient that a student misses."""
    error = (gradient(student, phi, samples.arguments) - samples.gradient).square().flatten(1).sum(1)
    return (error / samples.squared_norm).mean()

"""Distillation: a cheap loss that gradients on predictions as an expensive one does, wherever training goes under that one.

Training sees nothing of a loss but its gradient by the predictions, so it is that which is fitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from ml3zoo.errors import InputError
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.tasks.base import Tensors
from ml3zoo.zoo.loading import load_loss

_TINY = 1e-12


@dataclass(frozen=True)
class Samples:
    """What a loss is called with at some moments of many trainings.

    Attributes:
        arguments: of the loss, each [samples, ...].
        gradient: gradient of the loss by its input, [samples, ...].
    """

    arguments: Tensors
    gradient: Tensor

    @cached_property
    def strength(self) -> Tensor:
        """The squared gradient, [samples]."""
        return self.gradient.square().flatten(1).sum(1) + _TINY


@dataclass(frozen=True)
class Distillation:
    """A start of meta-training: the student of a loss that is in the zoo.

    Attributes:
        teacher: name of that loss.
        tasks, moments, iterations: see ``distill``.
    """

    teacher: str
    tasks: int = 4
    moments: int = 10
    iterations: int = 80

    def __call__(self, student: LearnedLoss, training_configs: Sequence[TrainingConfig], seed: int) -> float:
        """Make ``student`` one; the share of the squared gradient that it misses."""
        teacher = load_loss(self.teacher)
        return distill(
            teacher,
            student,
            training_configs,
            tasks=self.tasks,
            moments=self.moments,
            iterations=self.iterations,
            seed=seed,
        )

    def quick(self) -> Self:
        """The same in seconds, less well."""
        return replace(self, tasks=1, moments=4, iterations=5)


def distill(
    loss: LearnedLoss,
    student: LearnedLoss,
    training_configs: Sequence[TrainingConfig],
    *,
    tasks: int = 8,
    moments: int = 16,
    iterations: int = 100,
    seed: int = 0,
) -> float:
    """Fit the parameters of ``student`` so that it gradients on predictions as ``loss`` does, where training under that goes.

    Args:
        loss: what is imitated.
        student: a loss of any family and of the same kind, near whose parameters the fit begins; changed in place.
        training_configs: the trainings that are samples.
        tasks: of each training_config.
        moments: of each training, evenly spread over its steps.
        iterations: of L-BFGS.
        seed: of the tasks.

    Returns:
        The share of the squared gradient that the student misses, a mean over moments: 0 for a perfect student.

    Raises:
        InputError: the two losses are of different kinds, or every training under ``loss`` diverges at once.
    """
    if loss.config.problem_type != student.config.problem_type:
        raise InputError(
            f"{loss.config.name} is a {loss.config.problem_type} loss and {student.config.name} a {student.config.problem_type} loss: a "
            "student of the same kind was expected."
        )
    with reproducible_compute():
        samples = [collect_samples(loss, training_config, tasks, moments, seed) for training_config in training_configs]
        return fit(student, samples, iterations)


def collect_samples(loss: LearnedLoss, training_config: TrainingConfig, tasks: int, moments: int, seed: int) -> Samples:
    """Train networks under a loss and keep what it was called with; trainings that diverge are left out."""
    family, run = training_config.family, training_config.run
    drawn = family.sample(torch.Generator().manual_seed(seed), tasks, "train")
    every = max(1, run.steps // moments)
    kept: list[Tensors] = []

    def observe(step: int, params: Tensors) -> None:
        if step % every == 0 and step < run.steps:
            progress = torch.full((tasks,), step / run.steps)
            kept.append({**vmap(family.loss_arguments)(params, drawn.data), "progress": progress})

    run.under(loss, family, drawn, observe)
    arguments = {name: torch.cat([one[name] for one in kept]) for name in kept[0]}
    gradients = gradient(loss, {name: p.detach() for name, p in loss.named_parameters()}, arguments)
    sound = gradients.flatten(1).isfinite().all(1) & (gradients.flatten(1).abs().amax(1) > 0)
    if not sound.any():
        raise InputError(
            f"{loss.config.name} gradients nowhere, or to no finite value, in any training under {run.optimizer} at lr "
            f"{run.lr:g}: there is nothing to imitate. Give training_configs in which it works."
        )
    return Samples({name: x[sound] for name, x in arguments.items()}, gradients[sound])


def fit(student: LearnedLoss, samples: Sequence[Samples], iterations: int) -> float:
    """Fit a student to what was samples, by L-BFGS; the share it misses."""
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


def gradient(loss: nn.Module, phi: Tensors, arguments: Tensors) -> Tensor:
    """Gradient of a loss by its input, once for each collect_samples."""

    def one(input: Tensor, others: Tensors) -> Tensor:
        value: Tensor = functional_call(loss, phi, (input,), others)
        return value

    others = {name: x for name, x in arguments.items() if name != "input"}
    gradient: Tensor = vmap(grad(one))(arguments["input"], others)
    return gradient


class _Best:
    """The best parameters that a fit has met."""

    def __init__(self) -> None:
        self.missed, self.phi = float("inf"), Tensors()

    def offer(self, missed: float, phi: Tensors) -> None:
        if missed < self.missed:
            self.missed, self.phi = missed, {name: p.detach().clone() for name, p in phi.items()}


def _missed(student: LearnedLoss, phi: Tensors, samples: Samples) -> Tensor:
    """Mean over samples of the share of the squared gradient that a student misses."""
    error = (gradient(student, phi, samples.arguments) - samples.gradient).square().flatten(1).sum(1)
    return (error / samples.strength).mean()

"""Points that do not count, or count several times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ml3zoo import load_loss
from ml3zoo.losses import LearnedLoss
from tests.benchmarks.contract.problems import CLASSES, Problem, half_trained, of_type, relative, with_statistics
from tests.benchmarks.contract.table import heading, row, takes

IGNORED = -100
PROGRESS = 0.5
MUCH_PADDING = 20_000


@dataclass(frozen=True)
class Masked:
    """A batch that was padded, beside its points alone.

    Attributes:
        problem: the points; those after ``kept`` are padding.
        kept: how many are not.
    """

    problem: Problem
    kept: int

    @property
    def mask(self) -> Tensor:
        """Whether each point counts, shaped like the points."""
        target = self.problem.target
        shape = target.shape[:1] if self.classes else target.shape
        counts = torch.arange(len(self.problem)) < self.kept
        return counts.view(-1, *[1] * (len(shape) - 1)).expand(shape)

    @property
    def classes(self) -> bool:
        """Whether targets are classes, by index or probability."""
        return not self.problem.target.is_floating_point() or self.problem.target.shape[-1] > 1

    def right(self, loss: LearnedLoss) -> Tensor:
        """The gradient of the points alone."""
        return self.problem.gradient(loss(**self.problem.arguments(slice(self.kept)), progress=PROGRESS))


def run(names: tuple[str, ...], points: int) -> None:
    """Print how far masked gradients are from those of the points that count."""
    heading(f"3. Masks: {points} points and as many of padding; gradient over that of the points alone, and its error")
    for name in with_statistics(names):
        row(f"{name}: masked after reduction='none', or by mask=", _compared, name, points)
    row(f"outlier-regression: {points} points before {MUCH_PADDING} of padding", _much_padded, points)
    for name in of_type(names, "classification"):
        row(f"{name}: labels of -100", _ignored, name, points)
    heading("   Weights: error of the gradient against that of copies of the points")
    for name in with_statistics(names):
        row(f"{name}: sample_weight of 0 to 3", _weighted, name, points)
    row("label-noise: weight= of 1 to 3 for the classes", _class_weighted, points)
    row("label-noise: label_smoothing= against a target so smoothed", _smoothed, points)


def _padded(name: str, points: int, padding: int | None = None) -> Masked:
    problem = half_trained(name, points + (points if padding is None else padding), 0)
    target = problem.target.clone()
    target[points:] = 1 / target.shape[-1] if target.dim() == 2 and target.shape[1] > 1 else 0
    return Masked(Problem(problem.model, problem.x, target, problem.feature), points)


def _much_padded(points: int) -> str:
    return _compared("outlier-regression", points, MUCH_PADDING)


def _compared(name: str, points: int, padding: int | None = None) -> str:
    batch = _padded(name, points, padding)
    loss = load_loss(name)
    arguments, mask = batch.problem.arguments(), batch.mask
    if takes(loss, "mask"):
        value = loss(**arguments, progress=PROGRESS, mask=mask)
    else:
        loss.reduction = "none"
        value = (loss(**arguments, progress=PROGRESS) * mask).sum() / mask.sum()
        loss.reduction = "mean"
    return _text(batch.problem.gradient(value), batch.right(loss))


def _ignored(name: str, points: int) -> str:
    batch = _padded(name, points)
    if batch.problem.target.is_floating_point():
        return "its targets are probabilities"
    target = batch.problem.target.where(batch.mask, IGNORED)
    value = _made(name, ignore_index=IGNORED)(**batch.problem.arguments() | {"target": target}, progress=PROGRESS)
    return _text(batch.problem.gradient(value), batch.right(load_loss(name)))


def _weighted(name: str, points: int) -> str:
    problem = half_trained(name, points, 0)
    loss = load_loss(name)
    copies = torch.arange(points) % 4
    right = _of_copies(problem, name, copies)
    weight = copies.float().view(-1, *[1] * (len(loss.convention.points(problem.model(problem.x))) - 1))
    if takes(loss, "sample_weight"):
        value = loss(**problem.arguments(), progress=PROGRESS, sample_weight=weight)
    else:
        loss.reduction = "none"
        value = (loss(**problem.arguments(), progress=PROGRESS) * weight).sum() / weight.sum()
    return f"{relative(problem.gradient(value), right):.1%}"


def _class_weighted(points: int) -> str:
    problem = half_trained("label-noise", points, 0)
    weight = 1 + torch.arange(CLASSES) % 3
    right = _of_copies(problem, "label-noise", weight[problem.target])
    loss = _made("label-noise", weight=weight.float())
    return f"{relative(problem.gradient(loss(**problem.arguments(), progress=PROGRESS)), right):.1%}"


def _smoothed(points: int) -> str:
    problem = half_trained("label-noise", points, 0)
    target = 0.9 * nn.functional.one_hot(problem.target, CLASSES) + 0.1 / CLASSES
    right = load_loss("label-noise")(**problem.arguments() | {"target": target}, progress=PROGRESS)
    loss = _made("label-noise", label_smoothing=0.1)
    value = loss(**problem.arguments(), progress=PROGRESS)
    return f"{relative(problem.gradient(value), problem.gradient(right)):.1%}"


def _of_copies(problem: Problem, name: str, copies: Tensor) -> Tensor:
    """The gradient where each point is there several times."""
    points = torch.arange(len(problem)).repeat_interleave(copies)
    return problem.gradient(load_loss(name)(**problem.arguments(points), progress=PROGRESS))


def _made(name: str, **arguments: Any) -> LearnedLoss:
    """A loss with arguments that not every version knows."""
    return load_loss(name, **arguments)


def _text(found: Tensor, right: Tensor) -> str:
    return f"{(found.norm() / right.norm()).item():.2f} x, {relative(found, right):.1%} off"

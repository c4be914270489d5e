"""Sine tasks to train on, and half-trained models whose gradient is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from ml3zoo import load_loss
from ml3zoo.losses import LearnedLoss
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.base import Tasks
from ml3zoo.tasks.sine import Sine

SINE = "sine-regression"
RECIPE = find_recipe(SINE)
FAMILY = RECIPE.training.training_configs[0].family
assert isinstance(FAMILY, Sine)
STEPS, LR = RECIPE.config.inner.steps, RECIPE.config.inner.lr
CLASSES, FEATURES = 10, 16


@cache
def sine_tasks(n: int) -> Tasks:
    """N sine tasks of the test split."""
    return FAMILY.sample(torch.Generator().manual_seed(0), n, "test")


def sine_model(tasks: Tasks, k: int) -> nn.Module:
    """The network of the k-th task, untrained."""
    model = FAMILY.optimizee.build()
    model.load_state_dict({name: value[k] for name, value in tasks.initial.items()})
    return model


def sine_error(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Normalised mean squared error."""
    return FAMILY.objective(dict(model.named_parameters()), {"x": x, "y": y}).item()


@dataclass(frozen=True)
class Problem:
    """A model in the middle of its training, and a batch.

    Attributes:
        model: its predictions are the input of a loss.
        x: what it sees, [points, features].
        target: of each point.
        feature: more about each point, for losses that look at one.
    """

    model: nn.Module
    x: Tensor
    target: Tensor
    feature: Tensor | None

    def __len__(self) -> int:
        return len(self.x)

    def arguments(self, part: slice | Tensor = slice(None)) -> dict[str, Tensor]:
        """Arguments of a call on a part of the batch."""
        given = {"input": self.model(self.x[part]), "target": self.target[part]}
        return given if self.feature is None else given | {"feature": self.feature[part]}

    def gradient(self, value: Tensor) -> Tensor:
        """Of all parameters in one vector."""
        return torch.cat([g.flatten() for g in torch.autograd.grad(value, list(self.model.parameters()))])


def half_trained(name: str, points: int, seed: int) -> Problem:
    """A problem for the loss of that name: noisy sines, with some gross errors, or classes, with some wrong labels."""
    loss = load_loss(name)
    generator = torch.Generator().manual_seed(seed)
    make = _classes if loss.problem_type.name == "classification" else _sines
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        problem = make(points, loss, generator)
        optimizer = torch.optim.Adam(problem.model.parameters(), lr=0.01)
        ordinary = nn.CrossEntropyLoss() if loss.problem_type.name == "classification" else nn.MSELoss()
        for _ in range(20):
            optimizer.zero_grad()
            ordinary(problem.model(problem.x), problem.target).backward()
            optimizer.step()
    return problem


def with_statistics(names: tuple[str, ...]) -> list[str]:
    """The losses to whom a batch is more than its points."""
    return [name for name in names if load_loss(name).statistics or load_loss(name).config.family == "matching"]


def of_type(names: tuple[str, ...], problem_type: str) -> list[str]:
    """The losses of a problem type."""
    return [name for name in names if load_loss(name).problem_type.name == problem_type]


def relative(found: Tensor, expected: Tensor) -> float:
    """Size of the difference over the size of what was expected."""
    return float((found - expected).norm() / expected.norm())


def _sines(points: int, loss: LearnedLoss, generator: torch.Generator) -> Problem:
    x = 10 * torch.rand(points, 1, generator=generator) - 5
    noise = torch.randn(points, 1, generator=generator)
    gross = torch.rand(points, 1, generator=generator) < 0.1
    target = torch.sin(x) / torch.sin(x).std() + 0.1 * noise + 3 * gross * noise.abs()
    model = nn.Sequential(nn.Linear(1, 50), nn.Tanh(), nn.Linear(50, 1))
    return Problem(model, x, target, x if loss.uses_feature else None)


def _classes(points: int, loss: LearnedLoss, generator: torch.Generator) -> Problem:
    x = torch.randn(points, FEATURES, generator=generator)
    labels = (x @ torch.randn(FEATURES, CLASSES, generator=generator)).argmax(1)
    wrong = torch.rand(points, generator=generator) < 0.3
    target = torch.where(wrong, torch.randint(CLASSES, (points,), generator=generator), labels)
    if "mean_certainty" in loss.statistics:  # most points have no label
        known = torch.rand(points, 1, generator=generator) < 0.3
        target = torch.where(known, nn.functional.one_hot(target, CLASSES).float(), 1 / CLASSES)
    model = nn.Sequential(nn.Linear(FEATURES, 32), nn.ReLU(), nn.Linear(32, CLASSES))
    return Problem(model, x, target, None)

"""Calls that mean something else than the loss may think: is it said?"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from ml3zoo import load_loss
from tests.benchmarks.contract.problems import SINE
from tests.benchmarks.contract.table import heading, row

NOISE = "label-noise"
LEARNING_RATES = (0.02, 0.2, 2.0)


def run(classes: int, steps: int) -> None:
    """Print what came of such calls."""
    heading("5. What is asked, answered or refused")
    row("N logits, N float targets in {0, 1}: accuracy under label-noise", _binary, _zoo(NOISE), steps)
    row("the same under BCE", _binary, nn.BCEWithLogitsLoss(), steps)
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(64, 5, generator=generator).requires_grad_()
    labels = torch.randint(5, (64,), generator=generator)
    several = (torch.rand(64, 5, generator=generator) < 0.4).float()
    predictions = torch.randn(64, 1, generator=generator).requires_grad_()
    targets = torch.randn(64, 1, generator=generator)
    calls: dict[str, Callable[[], Tensor]] = {
        "logits [N, 1], targets [N, 1] in {0, 1}": lambda: _zoo(NOISE)(logits[:, :1], several[:, :1]),
        "several labels: logits [N, C], targets [N, C] in {0, 1}": lambda: _zoo(NOISE)(logits, several),
        "targets that are probabilities, but of sum 2": lambda: _zoo(NOISE)(logits, 2 * several.softmax(-1)),
        "target first, regression": lambda: _zoo(SINE)(targets, predictions),
        "target first, probabilities": lambda: _zoo(NOISE)(several.softmax(-1), logits),
        "target first, labels": lambda: _zoo(NOISE)(labels, logits),
        "logits [N, T, C], labels [N, T]": lambda: _zoo(NOISE)(logits.view(8, 8, 5), labels.view(8, 8)),
        "logits [N, T, C], labels [N, T], T = C": lambda: _zoo(NOISE)(
            logits[:50].view(10, 5, 5), labels[:50].view(10, 5)
        ),
        "regression, input [N, 1] and target [N]": lambda: _zoo(SINE)(predictions, targets[:, 0]),
    }
    for item, call in calls.items():
        row(item, _answer, call)
    row(f"{NOISE} at {classes} classes: warnings", _warnings, classes)
    for lr in LEARNING_RATES:
        for name in (NOISE, "cross-entropy"):
            row(
                f"accuracy on {classes} classes after {steps} steps, learning rate {lr:g}: {name}",
                _many,
                name,
                classes,
                steps,
                lr,
            )


def _zoo(name: str) -> nn.Module:
    return load_loss(name, total_steps=100)


def _answer(call: Callable[[], Tensor]) -> str:
    return f"answered: {call().item():.3f}"


def _binary(loss: nn.Module, steps: int) -> str:
    x = torch.randn(256, 8, generator=torch.Generator().manual_seed(0))
    y = (x.sum(1) > 0).float()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
    _train(model, loss, x, y, steps, 0.1)
    return f"{((model(x) > 0) == (y > 0.5)).float().mean().item():.3f}"


def _many(name: str, classes: int, steps: int, lr: float) -> str:
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(classes, 64, generator=generator)
    y = torch.arange(2 * classes) % classes
    x = centres[y] + 0.3 * torch.randn(len(y), 64, generator=generator)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Linear(64, classes)
    loss = nn.CrossEntropyLoss() if name == "cross-entropy" else load_loss(name, total_steps=steps)
    _train(model, loss, x, y, steps, lr)
    return f"{(model(x).argmax(1) == y).float().mean().item():.3f}"


def _train(model: nn.Module, loss: nn.Module, x: Tensor, y: Tensor, steps: int, lr: float) -> None:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()


def _warnings(classes: int) -> str:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loss = load_loss(NOISE)
        loss.progress = 0.5
        for _ in range(3):
            loss(torch.zeros(4, classes).requires_grad_(), torch.arange(4))
    return "; ".join(str(warning.message)[:60] for warning in caught) or "none"

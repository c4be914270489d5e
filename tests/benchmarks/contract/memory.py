"""Does a loss still know where training stands, in a new process and after all kinds of copying?"""

from __future__ import annotations

import copy
import json
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import torch
from torch import nn

from ml3zoo import load_loss
from ml3zoo.losses import LearnedLoss
from tests.benchmarks.contract.problems import LR, SINE, STEPS, half_trained, sine_error, sine_model, sine_tasks
from tests.benchmarks.contract.table import heading, in_a_process, row

HALF = STEPS // 2


def run(tasks: int) -> None:
    """Print progress and errors after a resume, and progress after copies."""
    heading("2. Memory")
    found: dict[str, float] = {}

    def resume() -> str:
        found.update(_resumed(tasks))
        return f"{found['progress']:.2f}"

    row(f"progress in a new process at step {HALF} of {STEPS}, 0.50 is right", resume)
    row(f"NMSE of {SINE} in the end, mean of {tasks} tasks", lambda: f"{found['error']:.3f}")
    row("the same without interruption", lambda: f"{found['uninterrupted']:.3f}")
    for name, again in COPIES.items():
        row(f"progress after {name}, 0.50 is right", _progress_after, again)
    row("built on meta tensors, to_empty, load_state_dict: what is wrong", _from_meta)


def train(model: nn.Module, loss: nn.Module, optimizer: torch.optim.Optimizer, k: int, tasks: int, steps: int) -> float:
    """Train the k-th network for some steps; gives its error."""
    data = sine_tasks(tasks).data
    x, y = data["x"][k], data["y"][k]
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()
    return sine_error(model, x, y)


def resumed(folder: str, tasks: int) -> None:
    """What the new process does: every training goes on from its file."""
    progress, errors = [], []
    for k in range(tasks):
        state = torch.load(Path(folder) / f"{k}.pt")
        training = _training(k, tasks)
        for part, saved in zip(training, state, strict=True):
            part.load_state_dict(saved)
        progress.append(training[1].progress)
        errors.append(train(*training, k, tasks, STEPS - HALF))
    print(json.dumps({"progress": mean(progress), "error": mean(errors)}))


def _resumed(tasks: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        uninterrupted = []
        for k in range(tasks):
            training = _training(k, tasks)
            train(*training, k, tasks, HALF)
            torch.save([part.state_dict() for part in training], Path(folder) / f"{k}.pt")
            uninterrupted.append(train(*training, k, tasks, STEPS - HALF))
        code = f"from tests.benchmarks.contract.memory import resumed; resumed({folder!r}, {tasks})"
        return {"uninterrupted": mean(uninterrupted), **in_a_process(code)}


def _training(k: int, tasks: int) -> tuple[nn.Module, LearnedLoss, torch.optim.Optimizer]:
    model = sine_model(sine_tasks(tasks), k)
    loss = load_loss(SINE, total_steps=STEPS)
    return model, loss, torch.optim.SGD(model.parameters(), lr=LR)


def _at_half() -> LearnedLoss:
    training = _training(0, 1)
    train(*training, 0, 1, HALF)
    return training[1]


def _progress_after(again: Callable[[LearnedLoss], LearnedLoss]) -> str:
    return f"{again(_at_half()).progress:.2f}"


def _loaded(loss: LearnedLoss) -> LearnedLoss:
    fresh = load_loss(SINE, total_steps=STEPS)
    fresh.load_state_dict(loss.state_dict())
    return fresh


def _loaded_by_assignment(loss: LearnedLoss) -> LearnedLoss:
    fresh = load_loss(SINE, total_steps=STEPS)
    fresh.load_state_dict(loss.state_dict(), assign=True)
    return fresh


def _emptied(loss: LearnedLoss) -> LearnedLoss:
    fresh = load_loss(SINE, total_steps=STEPS).to("meta").to_empty(device="cpu")
    fresh.load_state_dict(loss.state_dict())
    return fresh


def _spawned(loss: LearnedLoss) -> LearnedLoss:
    with tempfile.NamedTemporaryFile() as file:
        torch.save(loss, file.name)
        code = f"import torch, json; print(json.dumps(float(torch.load({file.name!r}, weights_only=False).progress)))"
        loss.progress = in_a_process(code)
    return loss


COPIES: dict[str, Callable[[LearnedLoss], LearnedLoss]] = {
    "state_dict and load_state_dict": _loaded,
    "load_state_dict(assign=True)": _loaded_by_assignment,
    "to_empty and load_state_dict": _emptied,
    "deepcopy": copy.deepcopy,
    "pickle": lambda loss: pickle.loads(pickle.dumps(loss)),
    "pickle, read in a new process": _spawned,
}


def _from_meta() -> str:
    """As Hugging Face builds a model: everything on the meta device, then real tensors from a file."""
    problem = half_trained(SINE, 64, 0)
    right = load_loss(SINE, total_steps=STEPS)
    with torch.device("meta"):
        loss = load_loss(SINE, total_steps=STEPS)
    loss.to_empty(device="cpu")
    loss.load_state_dict(right.state_dict())
    wrong = {
        "value": not torch.allclose(loss(**problem.arguments()), right(**problem.arguments())),
        "progress": loss.progress != right.progress,
        "trainable parameters": any(p.requires_grad for p in loss.parameters()),
    }
    return ", ".join(name for name, is_wrong in wrong.items() if is_wrong) or "nothing"

"""Two ranks: processes of their own that train one small model together over gloo."""

from __future__ import annotations

import multiprocessing.connection
import os
import re
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ml3zoo import LearnedLoss, load_loss
from tests.command import FORKS
from tests.pages import ROOT

RANKS = 2
_LONGEST = 120.0
_ATTEMPTS = 3
_GLOO_AT_EXIT = "terminate called without an active exception"
"""Torch's own: now and then a thread of gloo outlives the interpreter, after all work is done."""


def on_two_ranks(work: Callable[..., Any], folder: Path, *arguments: Any) -> list[Any]:
    """What ``work(*arguments)`` gives on each rank, in processes that know of each other.

    Args:
        work: a function of a module that can be imported.
        folder: an empty one, of this call alone.
        arguments: of the function.
    """
    processes = [FORKS.Process(target=_rank, args=(rank, folder, work, arguments)) for rank in range(RANKS)]
    for process in processes:
        process.start()
    try:
        _wait(processes)
    finally:
        for process in processes:
            process.kill()
    return [torch.load(folder / f"{rank}.pt", weights_only=False) for rank in range(RANKS)]


def _wait(processes: list[BaseProcess]) -> None:
    """Until all have ended well.

    Raises:
        RuntimeError: one failed, or they take too long.
    """
    waiting = list(processes)
    while waiting:
        ended = multiprocessing.connection.wait([each.sentinel for each in waiting], _LONGEST)
        failed = [each for each in processes if each.exitcode]
        if failed or not ended:
            raise RuntimeError(f"{len(failed)} ranks failed, {len(waiting)} had not ended")
        waiting = [each for each in waiting if each.exitcode is None]


def _rank(rank: int, folder: Path, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=RANKS)
    torch.save(work(*arguments), folder / f"{rank}.pt")
    dist.destroy_process_group()


def torchrun(framework: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Save the Python of a framework's page under the name that the page gives, and run the page's command."""
    page = (ROOT / "docs" / "frameworks" / f"{framework}.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"`torchrun ([^`]+)`", page)
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    *options, name = command.split()
    (folder / name).write_text(code, encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", *options, name]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for _ in range(_ATTEMPTS):
        done = subprocess.run(launcher, cwd=folder, env=environment, capture_output=True, text=True, timeout=_LONGEST)
        if _GLOO_AT_EXIT not in done.stderr:
            break
    return done


def small_model(outputs: int) -> nn.Sequential:
    """The same weights every time, in float64."""
    generator = torch.Generator().manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, outputs)).double()
    for parameter in model.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 2
    return model


def batch_for(loss: LearnedLoss, points: int) -> tuple[Tensor, Tensor]:
    """Inputs and targets; some targets are far off, so that the statistics of shards differ."""
    generator = torch.Generator().manual_seed(points)
    x = torch.randn(points, 4, generator=generator, dtype=torch.float64)
    if loss.problem_type.name == "classification":
        return x, torch.randint(outputs_for(loss), (points,), generator=generator)
    y = x.sin().sum(1, keepdim=True)
    y[: points // 5] += 8
    return x, y


def loss_for(name: str, total_steps: int) -> LearnedLoss:
    """In float64."""
    return load_loss(name, total_steps=total_steps, dtype=torch.float64)


def outputs_for(loss: LearnedLoss) -> int:
    """One number, or as many classes as the loss was made for."""
    return loss.config.classes.most if loss.config.classes else 1

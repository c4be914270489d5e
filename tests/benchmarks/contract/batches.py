"""A batch in parts, one after the other or on two ranks, against the same batch at once."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from functools import partial
from statistics import mean

import torch
from torch import Tensor, distributed

from ml3zoo import load_loss
from tests.benchmarks.contract.problems import Problem, half_trained, relative, with_statistics
from tests.benchmarks.contract.table import heading, in_a_process, outcome, row

PARTS = 8
PROGRESS = 0.5


def run(names: tuple[str, ...], points: int, seeds: int, rank_points: tuple[int, ...]) -> None:
    """Print errors of gradients by loss."""
    losses = with_statistics(names)
    heading(f"3. Micro-batches: error of the gradient of {points} points, mean of {seeds} problems, and the worst")
    for name in losses:
        for size in (points // PARTS, PARTS):
            for known in (False, True):
                how = "with the batch's context" if known else "as they are"
                row(
                    f"{name}: {points // size} micro-batches of {size}, {how}",
                    partial(_parts, name, points, size, seeds, known=known),
                )
    heading(f"3. Two ranks against one: error of the gradient, by points {', '.join(map(str, rank_points))}")
    code = f"from tests.benchmarks.contract.batches import rank; rank({losses!r}, {rank_points!r})"
    found: dict[str, str] = {}

    def measure(name: str) -> str:
        if not found:
            found.update(in_a_process(code, ranks=2))
        return found[name]

    for name in losses:
        row(name, measure, name)


def rank(names: list[str], points: tuple[int, ...]) -> None:
    """What each of the two processes does; the first one prints what all losses gave."""
    torch.set_num_threads(1)
    problems = {(name, n): half_trained(name, n, 0) for name in names for n in points}
    right = {key: _gradient(*key, problem, slice(None)) for key, problem in problems.items()}
    distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    mine = int(os.environ["RANK"])

    def shared(name: str) -> str:
        errors = []
        for n in points:
            half = slice(n * mine // 2, n * (mine + 1) // 2)
            gradient = _gradient(name, n, problems[name, n], half)
            distributed.all_reduce(gradient)
            errors.append(relative(gradient / 2, right[name, n]))
        return ", ".join(f"{error:.2g}" for error in errors)

    found = {name: outcome(shared, name) for name in names}
    if mine == 0:
        print(json.dumps(found))
    distributed.destroy_process_group()


def _gradient(name: str, n: int, problem: Problem, part: slice) -> Tensor:
    return problem.gradient(load_loss(name)(**problem.arguments(part), progress=PROGRESS))


def _parts(name: str, points: int, size: int, seeds: int, *, known: bool) -> str:
    errors = [_error(half_trained(name, points, seed), name, size, known=known) for seed in range(seeds)]
    return f"{mean(errors):.1%}, {max(errors):.1%}"


def _error(problem: Problem, name: str, size: int, *, known: bool) -> float:
    loss = load_loss(name)
    right = problem.gradient(loss(**problem.arguments(), progress=PROGRESS))
    more = {}
    if known:
        with torch.no_grad():
            more["context"] = loss.context(**problem.arguments())
    starts = range(0, len(problem), size)
    gradients = (
        problem.gradient(loss(**problem.arguments(slice(start, start + size)), progress=PROGRESS, **more))
        for start in starts
    )
    return relative(sum(gradients, torch.zeros(())) / len(starts), right)

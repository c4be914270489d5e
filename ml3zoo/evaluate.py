"""The evaluation protocol: a learned loss against careful baselines, on held-out tasks, networks and optimisers.

Every contender, learned or ordinary, gets its best learning rate and schedule from the same grid, chosen on
validation tasks; what is reported comes from test tasks. "Baseline" means the best ordinary loss, chosen on validation.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.func import vmap

from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.estimators import count, expand
from ml3zoo.meta.inner import InnerOptimizer, InnerRun, Schedule
from ml3zoo.progress import progress_bar
from ml3zoo.tasks.base import Split, TaskFamily, Tensors

Array = NDArray[np.float64]
CAP = 10.0
"""A run that ends above this, or not finite, counts as diverged and enters every mean with this value."""


@dataclass(frozen=True)
class Baseline:
    """An ordinary loss; its hyper-parameters are part of the name."""

    name: str
    make: Callable[[], nn.Module]


@dataclass(frozen=True)
class Cell:
    """One network under one optimiser.

    Attributes:
        careful: the tasks as a careful user prepares them, for the ordinary losses.
        own: the same tasks as the learned loss wants them.
        lr: middle of the learning-rate grid of the ordinary losses.
        learned_lr: the same for the learned loss.
        unseen: what of this cell meta-training never saw: "", "architecture" or "optimizer".
    """

    network: str
    careful: TaskFamily
    own: TaskFamily
    optimizer: InnerOptimizer
    lr: float
    learned_lr: float
    unseen: str = ""


@dataclass(frozen=True)
class Evaluation:
    """Everything that decides the numbers in a card. The first cell is the one the loss was made for."""

    cells: tuple[Cell, ...]
    baselines: tuple[Baseline, ...]
    steps: int
    grid: tuple[float, ...] = tuple(10 ** (k / 3 - 1.5) for k in range(10))
    schedules: tuple[Schedule, ...] = ("constant", "cosine")
    validation_tasks: int = 64
    test_tasks: int = 100
    seeds: int = 5
    observe_every: int = 5
    cost_sizes: tuple[int, ...] = (128, 10_000, 1_000_000)


@dataclass(frozen=True)
class Runs:
    """Final objectives [runs] and curves [observations, runs] of one contender on the test tasks."""

    final: Array
    curves: Array


@dataclass(frozen=True)
class Contender:
    """A loss with its parameters, ready to train networks."""

    loss: nn.Module
    phi: Tensors

    @classmethod
    def learned(cls, loss: LearnedLoss) -> Contender:
        """A learned loss."""
        return cls(loss, {name: p.detach() for name, p in loss.named_parameters()})

    def measure(self, run: InnerRun, family: TaskFamily, n: int, seed: int, split: Split, every: int = 0) -> Runs:
        """Train n networks on n tasks of a split; ``every`` > 0 also observes the way there."""
        tasks = family.sample(torch.Generator().manual_seed(seed), n, split)
        objective = vmap(family.objective)
        curves: list[Array] = []

        def observe(step: int, params: Tensors) -> None:
            if every and step % every == 0:
                with torch.no_grad():
                    curves.append(_capped(objective(params, tasks.data)))

        params = run(self.loss, expand(self.phi, count(tasks)), family, tasks, observe=observe)
        with torch.no_grad():
            return Runs(_capped(objective(params, tasks.data)), np.array(curves))


def evaluate(loss: LearnedLoss, evaluation: Evaluation) -> dict[str, Any]:
    """Measure a loss by the protocol.

    Args:
        loss: the learned loss, on the CPU.
        evaluation: cells, baselines, grids and numbers of tasks.

    Returns:
        JSON values: ``cells`` (one per cell, see ``measure_cell``), ``steps`` of the curves, and ``protocol``.
    """
    cells = []
    with progress_bar("evaluation", len(evaluation.cells)) as advance:
        for done, cell in enumerate(evaluation.cells, 1):
            cells.append(measure_cell(loss, cell, evaluation))
            advance(done, cell.network)
    return {
        "steps": list(range(0, evaluation.steps + 1, evaluation.observe_every)),
        "protocol": {
            "steps": evaluation.steps,
            "validation_tasks": evaluation.validation_tasks,
            "test_tasks_per_seed": evaluation.test_tasks,
            "seeds": evaluation.seeds,
            "learning_rates": len(evaluation.grid),
            "decades": round(math.log10(evaluation.grid[-1] / evaluation.grid[0]), 2),
            "schedules": list(evaluation.schedules),
            "baselines": [baseline.name for baseline in evaluation.baselines],
            "cap": CAP,
        },
        "cells": cells,
    }


def measure_cell(loss: LearnedLoss, cell: Cell, evaluation: Evaluation) -> dict[str, Any]:
    """All contenders of one cell, tuned on validation tasks, measured on test tasks."""
    learned = Contender.learned(loss)
    ordinary = {baseline.name: Contender(baseline.make(), {}) for baseline in evaluation.baselines}
    chosen: dict[str, tuple[Contender, TaskFamily, InnerRun, float]] = {}
    for name, contender in ordinary.items():
        chosen[name] = (
            contender,
            cell.careful,
            *_tune(contender, cell.careful, cell.optimizer, cell.lr, evaluation),
        )
    baseline = min(ordinary, key=lambda name: chosen[name][3])
    tuned = _tune(learned, cell.own, cell.optimizer, cell.learned_lr, evaluation)
    chosen["learned, tuned"] = (learned, cell.own, *tuned)
    if cell.unseen != "optimizer":
        recommended = InnerRun(cell.optimizer, loss.config.inner.lr, evaluation.steps)
        chosen["learned"] = (learned, cell.own, recommended, math.nan)
        first = next(iter(ordinary))
        chosen[f"{first}, raw targets, same lr"] = (ordinary[first], cell.own, recommended, math.nan)
    runs = {name: _test(contender, family, run, evaluation) for name, (contender, family, run, _) in chosen.items()}
    return {
        "network": cell.network,
        "optimizer": str(cell.optimizer),
        "unseen": cell.unseen,
        "baseline": baseline,
        "contenders": {
            name: _summary(runs[name]) | {"lr": chosen[name][2].lr, "schedule": chosen[name][2].schedule}
            for name in runs
        },
        "against_baseline": {
            name: compare(runs[name], runs[baseline], evaluation) for name in runs if name.startswith("learned")
        },
    }


def compare(ours: Runs, theirs: Runs, evaluation: Evaluation) -> dict[str, Any]:
    """Paired comparison on the same tasks: difference, share won, steps to reach the other's final value."""
    return {
        "difference": bootstrap(ours.final - theirs.final),
        "ratio": round(float(ours.final.mean() / theirs.final.mean()), 4),
        "won": bootstrap((ours.final < theirs.final).astype(float)),
        "steps_to_reach": steps_to_reach(ours.curves, theirs.final, evaluation.observe_every),
    }


def bootstrap(values: Array) -> dict[str, float]:
    """Mean of a sample with its 95 % bootstrap interval."""
    low, high = np.quantile(values[_resampled(len(values))].mean(1), [0.025, 0.975])
    return {
        "mean": round(float(values.mean()), 5),
        "low": round(float(low), 5),
        "high": round(float(high), 5),
    }


def steps_to_reach(curves: Array, target: Array, observe_every: int) -> dict[str, int | None]:
    """First observed step at which the mean curve is no higher than the mean target, with its 95 % bootstrap interval.

    Args:
        curves: [observations, runs].
        target: final values of the same runs under another loss, [runs].
        observe_every: steps between observations.

    Returns:
        ``steps``, ``low`` and ``high``; None stands for "not within the run".
    """
    never = len(curves) * observe_every
    picked = _resampled(len(target))
    weights = np.stack([np.bincount(rows, minlength=len(target)) for rows in picked]) / len(target)
    low, high = np.quantile(
        _first_at_most(weights @ curves.T, weights @ target) * observe_every, [0.025, 0.975], method="higher"
    )
    steps = _first_at_most(curves.mean(1)[None], target.mean()[None])[0] * observe_every
    return {name: None if v == never else int(v) for name, v in (("steps", steps), ("low", low), ("high", high))}


def _first_at_most(curves: Array, target: Array) -> NDArray[np.int64]:
    """Index of the first observation no higher than the target, [rows]; one past the end if there is none."""
    reached = np.pad(curves <= target[:, None], ((0, 0), (0, 1)), constant_values=True)
    first: NDArray[np.int64] = reached.argmax(1)
    return first


def _resampled(n: int, resamples: int = 2000) -> NDArray[np.int64]:
    """The same bootstrap resamples for every figure of n runs, as indices [resamples, n]."""
    return np.random.default_rng(0).integers(0, n, (resamples, n))


def measure_cost(loss: LearnedLoss, sizes: tuple[int, ...]) -> list[dict[str, float]]:
    """Median time of forward + backward against ``mse_loss``, in microseconds, by number of elements."""
    rows = []
    for size in sizes:
        prediction, target = torch.randn(2, size, generator=torch.Generator().manual_seed(0))
        prediction.requires_grad_()
        ours = _seconds(partial(_learned_step, loss, prediction, target), size)
        theirs = _seconds(partial(_mse_step, prediction, target), size)
        rows.append({"elements": size, "learned_us": round(ours * 1e6, 1), "mse_us": round(theirs * 1e6, 1)})
    return rows


def _learned_step(loss: LearnedLoss, prediction: torch.Tensor, target: torch.Tensor) -> None:
    torch.autograd.backward(loss(prediction, target, progress=torch.tensor(0.5)))


def _mse_step(prediction: torch.Tensor, target: torch.Tensor) -> None:
    torch.autograd.backward(nn.functional.mse_loss(prediction, target))


def _seconds(work: Callable[[], None], size: int) -> float:
    times = []
    for _ in range(9 if size >= 100_000 else 50):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def _tune(
    contender: Contender, family: TaskFamily, optimizer: InnerOptimizer, lr: float, evaluation: Evaluation
) -> tuple[InnerRun, float]:
    """The best run of the grid by the mean objective on validation tasks, and that mean."""
    runs = [
        InnerRun(optimizer, lr * factor, evaluation.steps, schedule)
        for factor in evaluation.grid
        for schedule in evaluation.schedules
    ]
    scores = [
        float(contender.measure(run, family, evaluation.validation_tasks, 1, "valid").final.mean()) for run in runs
    ]
    best = int(np.argmin(scores))
    return runs[best], scores[best]


def _test(contender: Contender, family: TaskFamily, run: InnerRun, evaluation: Evaluation) -> Runs:
    parts = [
        contender.measure(run, family, evaluation.test_tasks, 100 + seed, "test", evaluation.observe_every)
        for seed in range(evaluation.seeds)
    ]
    return Runs(np.concatenate([p.final for p in parts]), np.concatenate([p.curves for p in parts], 1))


def _summary(runs: Runs) -> dict[str, Any]:
    low, high = np.quantile(runs.curves, [0.25, 0.75], axis=1)
    return {
        "objective": bootstrap(runs.final),
        "median": round(float(np.median(runs.final)), 5),
        "diverged": bootstrap((runs.final >= CAP).astype(float)),
        "curve": {
            "mean": np.round(runs.curves.mean(1), 5).tolist(),
            "low": np.round(low, 5).tolist(),
            "high": np.round(high, 5).tolist(),
        },
    }


def _capped(value: torch.Tensor) -> Array:
    return value.double().nan_to_num(CAP, CAP, CAP).clamp(max=CAP).numpy()

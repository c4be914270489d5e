"""The evaluation protocol: a learned loss against careful baselines, on held-out tasks, networks and optimisers.

Every contender, learned or ordinary, gets its best learning rate and schedule from the same grid, chosen on
validation tasks; what is reported comes from test tasks. "Baseline" means the best ordinary loss, chosen on validation.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.func import vmap

from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.estimators import count, expand
from ml3zoo.meta.inner import InnerRun, Schedule
from ml3zoo.meta.optimizers import InnerOptimizer
from ml3zoo.meta.step import Step
from ml3zoo.progress import progress_bar
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors

Array = NDArray[np.float64]
Unseen = Literal["", "architecture", "optimizer", "horizon", "data"]
Counts = Literal["end", "best", "mean"]
"""What of a run counts: its end; the observed step at which its criterion is best; the mean over observed steps."""
_TOLD: dict[Counts, str] = {"end": "", "best": ", early stopping", "mean": ", mean over the steps"}
_BATCH = 50
"""Networks trained side by side: one shape to compile, small enough for the processor's cache."""


@dataclass(frozen=True)
class Metric:
    """What a task family's ``metric`` is.

    Attributes:
        name: short, as in a table.
        description: as a sentence begins.
        terms: what else the contenders had, or had not; a sentence.
        cap: a run that ends above this, or not finite, counts as diverged and enters every mean with this value.
    """

    name: str
    description: str
    terms: str
    cap: float = 10.0


NMSE = Metric(
    name="NMSE",
    description="Normalised mean squared error at the end of training",
    terms="Ordinary losses had standardised targets.",
)


@dataclass(frozen=True)
class Baseline:
    """An ordinary loss.

    Attributes:
        name: of several with one name, that which is best on validation is measured.
        make: the loss.
        hyper: its hyper-parameters, if it is one of several.
    """

    name: str
    make: Callable[[], nn.Module]
    hyper: str = ""


@dataclass(frozen=True)
class Cell:
    """One network under one optimiser for a number of steps.

    Attributes:
        network: what is trained, and on what data where that matters.
        careful: the tasks as a careful user prepares them, for the ordinary losses.
        own: the same tasks as the learned loss wants them.
        lr: middle of the learning-rate grid of the ordinary losses.
        learned_lr: the same for the learned loss.
        steps: gradient steps.
        unseen: what of this cell meta-training never saw.
        counts: what of each run.
    """

    network: str
    careful: TaskFamily
    own: TaskFamily
    optimizer: InnerOptimizer
    lr: float
    learned_lr: float
    steps: int
    unseen: Unseen = ""
    counts: Counts = "end"

    def __str__(self) -> str:
        return f"{self.network} under {self.optimizer}, {self.steps} steps{_TOLD[self.counts]}"


@dataclass(frozen=True)
class Evaluation:
    """Everything that decides the numbers in a card. The first cell is the one the loss was made for."""

    cells: tuple[Cell, ...]
    baselines: tuple[Baseline, ...]
    metric: Metric = NMSE
    grid: tuple[float, ...] = tuple(10 ** (k / 3) for k in range(-5, 6))
    schedules: tuple[Schedule, ...] = ("constant", "cosine")
    validation_tasks: int = 100
    test_tasks: int = 100
    seeds: int = 5
    observations: int = 20
    cost_sizes: tuple[int, ...] = (128, 10_000, 1_000_000)
    compiled: bool = False


@dataclass(frozen=True)
class Runs:
    """What came of one contender's runs.

    Attributes:
        final: metric of what counts, [runs].
        chosen_by: criterion of what counts, [runs].
        diverged: [runs].
        curves: metric on the way, [observations, runs].
        criteria: criterion on the way, [observations, runs].
    """

    final: Array
    chosen_by: Array
    diverged: NDArray[np.bool_]
    curves: Array
    criteria: Array

    @classmethod
    def joined(cls, parts: Sequence[Runs]) -> Runs:
        """All runs of several."""
        return cls(
            *(np.concatenate([getattr(part, field.name) for part in parts], -1) for field in dataclasses.fields(cls))
        )

    def counted(self, counts: Counts) -> Runs:
        """The same runs, where something else than their end counts; they must have been observed."""
        if counts == "best":
            best = (np.argmin(self.criteria, 0), np.arange(len(self.final)))
            return dataclasses.replace(self, final=self.curves[best], chosen_by=self.criteria[best])
        if counts == "mean":
            return dataclasses.replace(self, final=self.curves[1:].mean(0), chosen_by=self.criteria[1:].mean(0))
        return self


@dataclass(frozen=True)
class Contender:
    """A loss with its parameters, ready to train networks on a family of tasks.

    Attributes:
        step: of its training.
        phi: its parameters.
        cap: of the metric.
    """

    step: Step
    phi: Tensors
    cap: float = 10.0

    @classmethod
    def of(
        cls,
        loss: nn.Module,
        family: TaskFamily,
        optimizer: InnerOptimizer,
        *,
        cap: float = 10.0,
        compiled: bool = False,
    ) -> Contender:
        """A loss on a family of tasks under an optimiser."""
        phi = {name: p.detach() for name, p in loss.named_parameters()}
        return cls(Step.of(loss, family, optimizer, compiled=compiled), phi, cap)

    def measure(self, run: InnerRun, n: int, seed: int, split: Split, observe_every: int = 0) -> Runs:
        """Train n networks on n tasks of a split; their end counts.

        Args:
            run: how.
            n: networks.
            seed: of the tasks.
            split: of the tasks.
            observe_every: steps between observations on the way; 0 for none.
        """
        tasks = self.step.family.sample(torch.Generator().manual_seed(seed), n, split)
        parts = [tasks.pick(slice(k, k + _BATCH)) for k in range(0, n, _BATCH)]
        return Runs.joined([self._measure(run, part, observe_every) for part in parts])

    def _measure(self, run: InnerRun, tasks: Tasks, observe_every: int) -> Runs:
        metric, criterion = vmap(self.step.family.metric), vmap(self.step.family.criterion)
        curves, criteria = list[Array](), list[Array]()

        def observe(step: int, params: Tensors) -> None:
            if observe_every and step % observe_every == 0:
                curves.append(self._capped(metric(params, tasks.data)))
                criteria.append(self._capped(criterion(params, tasks.data)))

        with torch.no_grad():
            params = run(self.step, expand(self.phi, count(tasks)), tasks, observe)
            value, chosen_by = metric(params, tasks.data), criterion(params, tasks.data)
        shape = (len(curves), len(value))
        return Runs(
            final=self._capped(value),
            chosen_by=self._capped(chosen_by),
            diverged=(~(value <= self.cap)).numpy(),
            curves=np.reshape(curves, shape),
            criteria=np.reshape(criteria, shape),
        )

    def _capped(self, value: torch.Tensor) -> Array:
        return value.double().nan_to_num(self.cap, self.cap).clamp(max=self.cap).numpy()


def evaluate(loss: LearnedLoss, evaluation: Evaluation, untrained: LearnedLoss | None = None) -> dict[str, Any]:
    """Measure a loss by the protocol.

    Args:
        loss: the learned loss, on the CPU.
        evaluation: cells, baselines, grids and numbers of tasks.
        untrained: what meta-training started from, measured beside it at the recommended learning rate.

    Returns:
        JSON values: ``cells`` (one per cell, see ``measure_cell``) and ``protocol``.
    """
    cells = []
    memory: _Memory = {}
    with progress_bar("evaluation", len(evaluation.cells)) as advance:
        for done, cell in enumerate(evaluation.cells, 1):
            cells.append(measure_cell(loss, cell, evaluation, untrained, memory))
            advance(done, cell.network)
    metric = evaluation.metric
    return {
        "metric": {"name": metric.name, "description": metric.description, "terms": metric.terms},
        "protocol": {
            "validation_tasks": evaluation.validation_tasks,
            "test_tasks_per_seed": evaluation.test_tasks,
            "seeds": evaluation.seeds,
            "learning_rates": len(evaluation.grid),
            "decades": round(math.log10(evaluation.grid[-1] / evaluation.grid[0]), 2),
            "schedules": list(evaluation.schedules),
            "baselines": [baseline.name for baseline in evaluation.baselines],
            "cap": metric.cap,
        },
        "cells": cells,
    }


def measure_cell(
    loss: LearnedLoss,
    cell: Cell,
    evaluation: Evaluation,
    untrained: LearnedLoss | None = None,
    memory: _Memory | None = None,
) -> dict[str, Any]:
    """All contenders of one cell, tuned on validation tasks, measured on test tasks.

    Args:
        loss: the learned loss.
        cell: the cell.
        evaluation: the protocol.
        untrained: what meta-training started from.
        memory: runs already made, for cells that differ only in what of a run counts.
    """
    made: _Memory = {} if memory is None else memory

    def contender(module: nn.Module, family: TaskFamily, name: str) -> _Entrant:
        cap, compiled = evaluation.metric.cap, evaluation.compiled
        trained = Contender.of(module, family, cell.optimizer, cap=cap, compiled=compiled)
        return _Entrant(trained, name, cell, evaluation, made)

    learned = contender(loss, cell.own, "learned")
    chosen: dict[str, _Chosen] = {}
    for ordinary in evaluation.baselines:
        entrant = contender(ordinary.make(), cell.careful, f"{ordinary.name} ({ordinary.hyper})")
        found = entrant.tuned(cell.lr, ordinary.hyper)
        if ordinary.name not in chosen or found.score < chosen[ordinary.name].score:
            chosen[ordinary.name] = found
    baseline = min(chosen, key=lambda name: chosen[name].score)
    chosen["learned, tuned"] = learned.tuned(cell.learned_lr)
    if cell.unseen != "optimizer":
        recommended = InnerRun(cell.optimizer, loss.config.inner.lr, cell.steps)
        chosen["learned"] = _Chosen(learned, recommended)
        if untrained is not None:
            chosen["before meta-training"] = _Chosen(contender(untrained, cell.own, "untrained"), recommended)
        first = evaluation.baselines[0]
        chosen[f"{first.name}, same lr"] = _Chosen(
            contender(first.make(), cell.own, f"{first.name}, same lr"), recommended
        )
    every = observe_every(cell, evaluation)
    runs = {name: one.entrant.tested(one.run) for name, one in chosen.items()}
    return {
        "name": str(cell),
        "network": cell.network,
        "optimizer": str(cell.optimizer),
        "steps": cell.steps,
        "observed": list(range(0, cell.steps + 1, every)),
        "unseen": cell.unseen,
        "baseline": baseline,
        "contenders": {
            name: _summary(runs[name]) | {"lr": one.run.lr, "schedule": one.run.schedule, "hyper": one.hyper}
            for name, one in chosen.items()
        },
        "against_baseline": {
            name: compare(runs[name], runs[baseline], every) for name in runs if name.startswith("learned")
        },
    }


def observe_every(cell: Cell, evaluation: Evaluation) -> int:
    """Steps between observations of a learning curve."""
    return max(1, cell.steps // evaluation.observations)


def compare(ours: Runs, theirs: Runs, observe_every: int) -> dict[str, Any]:
    """Paired comparison on the same tasks: difference, share won, steps to reach the other's final value."""
    return {
        "difference": bootstrap(ours.final - theirs.final),
        "ratio": round(float(ours.final.mean() / theirs.final.mean()), 4),
        "won": bootstrap((ours.final < theirs.final).astype(float)),
        "steps_to_reach": steps_to_reach(ours.curves, theirs.final, observe_every),
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


def measure_cost(loss: LearnedLoss, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Median time of forward + backward against the kind's ordinary loss, in microseconds, by number of elements."""
    ordinary: Callable[..., torch.Tensor] = getattr(nn.functional, loss.kind.rival)
    learned = partial(loss, progress=torch.tensor(0.5))
    rows = []
    for size in sizes:
        prediction, target = loss.kind.workload(torch.Generator().manual_seed(0), size)
        prediction.requires_grad_()
        feature = {"feature": prediction.detach()} if loss.config.uses_feature else {}
        ours, theirs = (
            _seconds(partial(_forward_backward, function, prediction, target), size)
            for function in (partial(learned, **feature), ordinary)
        )
        rows.append(
            {
                "elements": prediction.numel(),
                "learned_us": round(ours * 1e6, 1),
                "ordinary_us": round(theirs * 1e6, 1),
                "ordinary": loss.kind.rival,
            }
        )
    return rows


def _forward_backward(function: Callable[..., torch.Tensor], prediction: torch.Tensor, target: torch.Tensor) -> None:
    torch.autograd.backward(function(prediction, target))


def _seconds(work: Callable[[], None], size: int) -> float:
    times = []
    for _ in range(9 if size >= 100_000 else 50):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


_Memory = dict[tuple[str, Cell, InnerRun, Split, int], Runs]
"""Runs by contender, cell (but for what counts), run, split and seed."""


@dataclass(frozen=True)
class _Entrant:
    """A contender in one cell."""

    contender: Contender
    name: str
    cell: Cell
    evaluation: Evaluation
    memory: _Memory

    def tuned(self, lr: float, hyper: str = "") -> _Chosen:
        """The best run of the grid by the mean criterion on validation tasks."""
        best: _Chosen | None = None
        for factor, schedule in itertools.product(self.evaluation.grid, self.evaluation.schedules):
            run = InnerRun(self.cell.optimizer, lr * factor, self.cell.steps, schedule)
            found = self._runs(run, self.evaluation.validation_tasks, 1, "valid")
            score = float(found.counted(self.cell.counts).chosen_by.mean())
            if best is None or score < best.score:
                best = _Chosen(self, run, score, hyper)
        assert best is not None
        return best

    def tested(self, run: InnerRun) -> Runs:
        """All runs on test tasks."""
        seeds = range(100, 100 + self.evaluation.seeds)
        parts = [self._runs(run, self.evaluation.test_tasks, seed, "test") for seed in seeds]
        return Runs.joined(parts).counted(self.cell.counts)

    def _runs(self, run: InnerRun, n: int, seed: int, split: Split) -> Runs:
        key = (self.name, dataclasses.replace(self.cell, counts="end"), run, split, seed)
        if key not in self.memory:
            watched = split == "test" or any(cell.counts != "end" for cell in self.evaluation.cells)
            every = observe_every(self.cell, self.evaluation) if watched else 0
            self.memory[key] = self.contender.measure(run, n, seed, split, every)
        return self.memory[key]


@dataclass(frozen=True)
class _Chosen:
    """A contender with the run it is measured by, and the mean criterion on validation tasks that chose it."""

    entrant: _Entrant
    run: InnerRun
    score: float = math.nan
    hyper: str = ""


def _summary(runs: Runs) -> dict[str, Any]:
    low, high = np.quantile(runs.curves, [0.25, 0.75], axis=1)
    return {
        "objective": bootstrap(runs.final),
        "median": round(float(np.median(runs.final)), 5),
        "diverged": bootstrap(runs.diverged.astype(float)),
        "curve": {
            "mean": np.round(runs.curves.mean(1), 5).tolist(),
            "low": np.round(low, 5).tolist(),
            "high": np.round(high, 5).tolist(),
        },
    }

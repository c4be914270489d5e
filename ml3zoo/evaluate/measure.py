"""Tuning on validation tasks, figures from test tasks."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ml3zoo.evaluate.cache import Journal
from ml3zoo.evaluate.method import Contender, Runs
from ml3zoo.evaluate.protocol import Cell, Evaluation
from ml3zoo.evaluate.statistics import bootstrap, compare
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.progress import progress_bar
from ml3zoo.meta.ranks import Ranks
from ml3zoo.tasks.base import Split, TaskFamily


def evaluate(
    loss: LearnedLoss,
    evaluation: Evaluation,
    untrained: LearnedLoss | None = None,
    *,
    journal: Path | None = None,
    ranks: Ranks | None = None,
) -> dict[str, Any]:
    """Measure a loss by the protocol.

    Args:
        loss: the learned loss, on the CPU.
        evaluation: cells, baselines, grids and numbers of tasks.
        untrained: what meta-training started from, measured beside it at the recommended learning rate.
        journal: file that keeps what is measured, cell by cell; what it holds of this evaluation is not measured again.
        ranks: the processes that share the cells; this one alone if not given.

    Returns:
        JSON values: ``cells`` (one per cell, see ``measure_cell``) and ``protocol``.

    Raises:
        RankError: another process has ended.
        CheckpointError: the journal is damaged.
    """
    ranks = ranks or Ranks()
    kept = Journal(journal if ranks.first else None, loss, evaluation, untrained)
    measured = ranks.exchange(kept.read())[0]
    groups = [group for group in _sharing_runs(evaluation.cells) if any(str(cell) not in measured for cell in group)]
    with progress_bar("evaluation", len(evaluation.cells), shown=ranks.first) as advance:
        for first in range(0, len(groups), ranks.world):
            found: dict[str, Any] = {}
            for group in groups[first + ranks.rank : first + ranks.rank + 1]:
                for name, entry in _measured(loss, group, evaluation, untrained):
                    found[name] = entry
                    kept.write(measured | found)
            measured |= {name: entry for part in ranks.exchange(found) for name, entry in part.items()}
            kept.write(measured)
            advance(len(measured), groups[first][0].network)
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
        "cells": [measured[str(cell)] for cell in evaluation.cells],
    }


def _sharing_runs(cells: tuple[Cell, ...]) -> list[list[Cell]]:
    """Cells that differ only in what of a run counts, together."""
    groups: dict[Cell, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(dataclasses.replace(cell, counts="end"), []).append(cell)
    return list(groups.values())


def _measured(
    loss: LearnedLoss, cells: list[Cell], evaluation: Evaluation, untrained: LearnedLoss | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and figures of cells that share their runs."""
    memory: _Memory = {}
    for cell in cells:
        yield str(cell), measure_cell(loss, cell, evaluation, untrained, memory)


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
    entrants = _entrants(loss, cell, evaluation, untrained, {} if memory is None else memory)
    chosen: dict[str, _Chosen] = {}
    for ordinary in evaluation.baselines:
        found = entrants[ordinary.name, ordinary.hyper].tuned(cell.lr, ordinary.hyper)
        if ordinary.name not in chosen or found.score < chosen[ordinary.name].score:
            chosen[ordinary.name] = found
    baseline = min(chosen, key=lambda name: chosen[name].score)
    chosen["learned, tuned"] = entrants["learned", ""].tuned(cell.learned_lr)
    if cell.unseen != "optimizer":
        recommended = InnerRun(cell.optimizer, loss.config.inner.lr, cell.steps)
        untuned = ("learned", "before meta-training", _same_lr(evaluation))
        chosen |= {name: _Chosen(entrants[name, ""], recommended) for name in untuned if (name, "") in entrants}
    every = evaluation.observe_every(cell)
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


def replay_cell(
    loss: LearnedLoss,
    cell: Cell,
    evaluation: Evaluation,
    measured: dict[str, Any],
    untrained: LearnedLoss | None = None,
) -> dict[str, Runs]:
    """The runs of one seed of a cell that was measured: every contender as it was tuned then.

    Args:
        loss: the learned loss.
        cell: the cell.
        evaluation: the protocol.
        measured: what ``measure_cell`` returned.
        untrained: what meta-training started from.
    """
    one_seed = dataclasses.replace(evaluation, seeds=1)
    entrants = _entrants(loss, cell, one_seed, untrained, {})
    runs = {}
    for name, entry in measured["contenders"].items():
        key = ("learned", "") if name == "learned, tuned" else (name, entry["hyper"])
        if key in entrants:
            runs[name] = entrants[key].tested(InnerRun(cell.optimizer, entry["lr"], cell.steps, entry["schedule"]))
    return runs


def _same_lr(evaluation: Evaluation) -> str:
    """The first ordinary loss on the learned loss's tasks, at its learning rate."""
    return f"{evaluation.baselines[0].name}, same lr"


def _entrants(
    loss: LearnedLoss, cell: Cell, evaluation: Evaluation, untrained: LearnedLoss | None, memory: _Memory
) -> dict[tuple[str, str], _Entrant]:
    """All that may enter a cell, by name and hyper-parameters."""
    modules: dict[tuple[str, str], tuple[nn.Module, TaskFamily]] = {
        (ordinary.name, ordinary.hyper): (ordinary.make(), cell.careful) for ordinary in evaluation.baselines
    }
    modules["learned", ""] = (loss, cell.own)
    modules[_same_lr(evaluation), ""] = (evaluation.baselines[0].make(), cell.own)
    if untrained is not None:
        modules["before meta-training", ""] = (untrained, cell.own)
    cap, compiled = evaluation.metric.cap, evaluation.compiled
    return {
        key: _Entrant(
            Contender.of(module, family, cell.optimizer, cap=cap, compiled=compiled), key, cell, evaluation, memory
        )
        for key, (module, family) in modules.items()
    }


_Memory = dict[tuple[tuple[str, str], Cell, InnerRun, Split, int], Runs]
"""Runs by contender, cell (but for what counts), run, split and seed."""


@dataclass(frozen=True)
class _Entrant:
    """A contender in one cell."""

    contender: Contender
    name: tuple[str, str]
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
            every = self.evaluation.observe_every(self.cell) if watched else 0
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

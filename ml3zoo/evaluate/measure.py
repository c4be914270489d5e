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

from ml3zoo.evaluate.cache import EvaluationCache
from ml3zoo.evaluate.method import Method, Runs
from ml3zoo.evaluate.protocol import Evaluation, Setup
from ml3zoo.evaluate.statistics import bootstrap, compare
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.progress import progress_bar
from ml3zoo.meta.ranks import Ranks
from ml3zoo.tasks.base import Split, TaskFamily


def evaluate(
    loss: LearnedLoss,
    evaluation: Evaluation,
    initial: LearnedLoss | None = None,
    *,
    cache: Path | None = None,
    ranks: Ranks | None = None,
) -> dict[str, Any]:
    """Measure a loss by the protocol.

    Args:
        loss: the learned loss, on the CPU.
        evaluation: setups, baselines, grids and numbers of tasks.
        initial: what meta-training started from, measured beside it at the recommended learning rate.
        cache: file that keeps what is measured, setup by setup; what it holds of this evaluation is not measured again.
        ranks: the processes that share the setups; this one alone if not given.

    Returns:
        JSON values: ``setups`` (one per setup, see ``measure_setup``) and ``protocol``.

    Raises:
        RankError: another process has ended.
        CheckpointError: the cache is damaged.
    """
    ranks = ranks or Ranks()
    kept = EvaluationCache(cache if ranks.first else None, loss, evaluation, initial)
    measured = ranks.exchange(kept.read())[0]
    groups = [group for group in _sharing_runs(evaluation.setups) if any(str(setup) not in measured for setup in group)]
    with progress_bar("evaluation", len(evaluation.setups), shown=ranks.first) as advance:
        for first in range(0, len(groups), ranks.world):
            found: dict[str, Any] = {}
            for group in groups[first + ranks.rank : first + ranks.rank + 1]:
                for name, entry in _measured(loss, group, evaluation, initial):
                    found[name] = entry
                    kept.write(measured | found)
            measured |= {name: entry for part in ranks.exchange(found) for name, entry in part.items()}
            kept.write(measured)
            advance(len(measured), groups[first][0].network)
    metric = evaluation.metric
    return {
        "metric": {"name": metric.name, "description": metric.description, "conditions": metric.conditions},
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
        "setups": [measured[str(setup)] for setup in evaluation.setups],
    }


def _sharing_runs(setups: tuple[Setup, ...]) -> list[list[Setup]]:
    """Cells that differ only in what of a run counts, together."""
    groups: dict[Setup, list[Setup]] = {}
    for setup in setups:
        groups.setdefault(dataclasses.replace(setup, reported_step="last"), []).append(setup)
    return list(groups.values())


def _measured(
    loss: LearnedLoss, setups: list[Setup], evaluation: Evaluation, initial: LearnedLoss | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and figures of setups that share their runs."""
    memory: _Memory = {}
    for setup in setups:
        yield str(setup), measure_setup(loss, setup, evaluation, initial, memory)


def measure_setup(
    loss: LearnedLoss,
    setup: Setup,
    evaluation: Evaluation,
    initial: LearnedLoss | None = None,
    memory: _Memory | None = None,
) -> dict[str, Any]:
    """All methods of one setup, tuned on validation tasks, measured on test tasks.

    Args:
        loss: the learned loss.
        setup: the setup.
        evaluation: the protocol.
        initial: what meta-training started from.
        memory: runs already made, for setups that differ only in what of a run counts.
    """
    candidates = _candidates(loss, setup, evaluation, initial, {} if memory is None else memory)
    chosen: dict[str, _SelectedRun] = {}
    for ordinary in evaluation.baselines:
        found = candidates[ordinary.name, ordinary.hyper].tuned(setup.lr, ordinary.hyper)
        if ordinary.name not in chosen or found.score < chosen[ordinary.name].score:
            chosen[ordinary.name] = found
    baseline = min(chosen, key=lambda name: chosen[name].score)
    chosen["learned, tuned"] = candidates["learned", ""].tuned(setup.learned_lr)
    if setup.unseen != "optimizer":
        recommended = InnerRun(setup.optimizer, loss.config.inner.lr, setup.steps)
        untuned = ("learned", "initial loss", _same_lr(evaluation))
        chosen |= {
            name: _SelectedRun(candidates[name, ""], recommended) for name in untuned if (name, "") in candidates
        }
    every = evaluation.observe_every(setup)
    runs = {name: one.candidate.tested(one.run) for name, one in chosen.items()}
    return {
        "name": str(setup),
        "network": setup.network,
        "optimizer": str(setup.optimizer),
        "steps": setup.steps,
        "observed": list(range(0, setup.steps + 1, every)),
        "unseen": setup.unseen,
        "baseline": baseline,
        "methods": {
            name: _summary(runs[name]) | {"lr": one.run.lr, "schedule": one.run.schedule, "hyper": one.hyper}
            for name, one in chosen.items()
        },
        "against_baseline": {
            name: compare(runs[name], runs[baseline], every) for name in runs if name.startswith("learned")
        },
    }


def replay_setup(
    loss: LearnedLoss,
    setup: Setup,
    evaluation: Evaluation,
    measured: dict[str, Any],
    initial: LearnedLoss | None = None,
) -> dict[str, Runs]:
    """The runs of one seed of a setup that was measured: every method as it was tuned then.

    Args:
        loss: the learned loss.
        setup: the setup.
        evaluation: the protocol.
        measured: what ``measure_setup`` returned.
        initial: what meta-training started from.
    """
    one_seed = dataclasses.replace(evaluation, seeds=1)
    candidates = _candidates(loss, setup, one_seed, initial, {})
    runs = {}
    for name, entry in measured["methods"].items():
        key = ("learned", "") if name == "learned, tuned" else (name, entry["hyper"])
        if key in candidates:
            runs[name] = candidates[key].tested(InnerRun(setup.optimizer, entry["lr"], setup.steps, entry["schedule"]))
    return runs


def _same_lr(evaluation: Evaluation) -> str:
    """The first ordinary loss on the learned loss's tasks, at its learning rate."""
    return f"{evaluation.baselines[0].name}, same lr"


def _candidates(
    loss: LearnedLoss, setup: Setup, evaluation: Evaluation, initial: LearnedLoss | None, memory: _Memory
) -> dict[tuple[str, str], _Candidate]:
    """All that may enter a setup, by name and hyper-parameters."""
    modules: dict[tuple[str, str], tuple[nn.Module, TaskFamily]] = {
        (ordinary.name, ordinary.hyper): (ordinary.make(), setup.baseline_tasks) for ordinary in evaluation.baselines
    }
    modules["learned", ""] = (loss, setup.tasks)
    modules[_same_lr(evaluation), ""] = (evaluation.baselines[0].make(), setup.tasks)
    if initial is not None:
        modules["initial loss", ""] = (initial, setup.tasks)
    cap, compiled = evaluation.metric.cap, evaluation.compiled
    return {
        key: _Candidate(
            Method.of(module, family, setup.optimizer, cap=cap, compiled=compiled), key, setup, evaluation, memory
        )
        for key, (module, family) in modules.items()
    }


_Memory = dict[tuple[tuple[str, str], Setup, InnerRun, Split, int], Runs]
"""Runs by method, setup (but for what counts), run, split and seed."""


@dataclass(frozen=True)
class _Candidate:
    """A method in one setup."""

    method: Method
    name: tuple[str, str]
    setup: Setup
    evaluation: Evaluation
    memory: _Memory

    def tuned(self, lr: float, hyper: str = "") -> _SelectedRun:
        """The best run of the grid by the mean selection_metric on validation tasks."""
        best: _SelectedRun | None = None
        for factor, schedule in itertools.product(self.evaluation.grid, self.evaluation.schedules):
            run = InnerRun(self.setup.optimizer, lr * factor, self.setup.steps, schedule)
            found = self._runs(run, self.evaluation.validation_tasks, 1, "valid")
            score = float(found.counted(self.setup.reported_step).selection.mean())
            if best is None or score < best.score:
                best = _SelectedRun(self, run, score, hyper)
        assert best is not None
        return best

    def tested(self, run: InnerRun) -> Runs:
        """All runs on test tasks."""
        seeds = range(100, 100 + self.evaluation.seeds)
        parts = [self._runs(run, self.evaluation.test_tasks, seed, "test") for seed in seeds]
        return Runs.joined(parts).counted(self.setup.reported_step)

    def _runs(self, run: InnerRun, n: int, seed: int, split: Split) -> Runs:
        key = (self.name, dataclasses.replace(self.setup, reported_step="last"), run, split, seed)
        if key not in self.memory:
            watched = split == "test" or any(setup.reported_step != "last" for setup in self.evaluation.setups)
            every = self.evaluation.observe_every(self.setup) if watched else 0
            self.memory[key] = self.method.measure(run, n, seed, split, every)
        return self.memory[key]


@dataclass(frozen=True)
class _SelectedRun:
    """A method with the run it is measured by, and the mean selection_metric on validation tasks that chose it."""

    candidate: _Candidate
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

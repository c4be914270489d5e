"""All setups of an evaluation, shared among processes and saved as they are measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ml3zoo.evaluate.cache import EvaluationCache
from ml3zoo.evaluate.measure import measure_setup, replay_setup
from ml3zoo.evaluate.protocol import Evaluation, Setup
from ml3zoo.evaluate.ranking import over_data_sets, rank
from ml3zoo.evaluate.run_cache import RunCache
from ml3zoo.format.results import Interval, Results, SetupDescription, SetupResult
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.progress import progress_bar
from ml3zoo.meta.ranks import Ranks


def evaluate(
    loss: LearnedLoss,
    evaluation: Evaluation,
    initial: LearnedLoss | None = None,
    *,
    cache: Path | None = None,
    baseline_runs: Path | None = None,
    ranks: Ranks | None = None,
) -> Results:
    """Measure a loss by the protocol.

    Args:
        loss: the learned loss, on the CPU.
        evaluation: setups, baselines, grids and numbers of tasks.
        initial: what meta-training started from, measured beside it at the recommended learning rate.
        cache: file that setups are saved to as they are measured; those it holds already are not measured again.
        baseline_runs: folder of the runs of ordinary losses, which evaluations of other losses may share.
        ranks: the processes that share the setups; this one alone if not given.

    Returns:
        Metric, protocol, setups and rankings; the rest is left empty.

    Raises:
        RankError: another process has ended.
        CheckpointError: the cache, or a file of the folder, is damaged.
    """
    ranks = ranks or Ranks()
    saved = EvaluationCache(cache if ranks.first else None, loss, evaluation, initial)
    measured = ranks.exchange(saved.read())[0]
    groups = [
        group for group in _sharing_runs(evaluation.setups) if any(setup.describe() not in measured for setup in group)
    ]
    with progress_bar("evaluation", len(evaluation.setups), shown=ranks.first) as advance:
        for first in range(0, len(groups), ranks.world):
            found: dict[SetupDescription, SetupResult] = {}
            for group in groups[first + ranks.rank : first + ranks.rank + 1]:
                for result in _measured(loss, group, evaluation, initial, RunCache(baseline_runs)):
                    found[result.setup] = result
                    saved.write(measured | found)
            measured |= {setup: result for part in ranks.exchange(found) for setup, result in part.items()}
            saved.write(measured)
            advance(len(measured), str(groups[first][0]))
    setups = tuple(measured[setup.describe()] for setup in evaluation.setups)
    return Results(evaluation.metric.describe(), evaluation.describe(), setups, rankings=rank(setups))


def measure_another(loss: LearnedLoss, evaluation: Evaluation, results: Results) -> Interval:
    """The metric of another loss in the place of one that was measured, swapped in at the same learning rates.

    Args:
        loss: of another seed, say.
        evaluation: the protocol.
        results: of ``evaluate``; losses were swapped in there.

    Returns:
        The mean over data sets.
    """
    metrics = {}
    for setup in evaluation.setups:
        measured = results.find(setup.describe())
        swapped_in = measured.learned("swapped in") if measured else None
        if swapped_in:
            ((_, runs),) = replay_setup(loss, setup, evaluation, (swapped_in,))
            metrics[setup] = float(runs.final.mean())
    return over_data_sets(np.array(list(metrics.values())), [setup.data for setup in metrics])


def swapped_in(results: Results) -> Interval:
    """The metric of the loss that was measured, swapped in: the mean over data sets."""
    found = [(method, each.setup.data) for each in results.setups if (method := each.learned("swapped in"))]
    return over_data_sets(np.array([method.objective.mean for method, _ in found]), [data for _, data in found])


def _sharing_runs(setups: tuple[Setup, ...]) -> list[list[Setup]]:
    """Setups that differ only in their reported step, together."""
    groups: dict[Setup, list[Setup]] = {}
    for setup in setups:
        groups.setdefault(dataclasses.replace(setup, reported_step="last"), []).append(setup)
    return list(groups.values())


def _measured(
    loss: LearnedLoss, setups: list[Setup], evaluation: Evaluation, initial: LearnedLoss | None, runs_made: RunCache
) -> Iterator[SetupResult]:
    """Setups that share their runs."""
    for setup in setups:
        yield measure_setup(loss, setup, evaluation, initial, runs_made)

"""One setup, measured: every loss tuned on validation tasks, its figures from test tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from ml3zoo.evaluate.candidates import Candidate, RunCache, SelectedRun, Trainer, find_candidate
from ml3zoo.evaluate.method import Runs
from ml3zoo.evaluate.protocol import Evaluation, Setup
from ml3zoo.evaluate.statistics import bootstrap, compare
from ml3zoo.evaluate.tuning import select
from ml3zoo.format.results import Curve, MethodResult, PairedComparison, SetupResult, Use
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.inner import InnerRun


def measure_setup(
    loss: LearnedLoss,
    setup: Setup,
    evaluation: Evaluation,
    initial: LearnedLoss | None = None,
    runs_made: RunCache | None = None,
) -> SetupResult:
    """All methods of one setup, tuned on validation tasks, measured on test tasks.

    Args:
        loss: the learned loss.
        setup: the setup.
        evaluation: the protocol.
        initial: what meta-training started from.
        runs_made: runs already made, for setups that differ only in their reported step.
    """
    trainer = Trainer(setup, evaluation, {} if runs_made is None else runs_made)
    baselines = [
        select((run for each in group for run in trainer.grid(each, setup.lr)), trainer.validate)
        for group in _by_name(Candidate.ordinary(each, setup.baseline_tasks) for each in evaluation.baselines)
    ]
    baseline = select(baselines, lambda tuned: tuned.score).candidate.candidate
    learned = Candidate.learned(loss, setup)
    methods: list[tuple[Use, SelectedRun]] = [("tuned", tuned.candidate) for tuned in baselines]
    methods.append(("tuned", select(trainer.grid(learned, setup.learned_lr), trainer.validate).candidate))
    if setup.unseen != "optimizer":
        schedule = "constant" if setup.schedule == "tuned" else setup.schedule
        recommended = InnerRun(setup.optimizer, loss.config.inner.lr, setup.steps, schedule)
        untuned = [learned]
        if initial is not None:
            untuned.append(Candidate.initial(initial, setup))
        untuned.append(Candidate.ordinary(evaluation.baselines[0], setup.tasks))
        methods += [("recommended", SelectedRun(candidate, recommended)) for candidate in untuned]
    every = evaluation.observe_every(setup)
    theirs = trainer.test(baseline)
    found = []
    for use, selected in methods:
        runs = trainer.test(selected)
        comparison = compare(runs, theirs, every) if selected.candidate.role == "learned" else None
        found.append(_result(use, selected, runs, comparison, selected is baseline))
    return SetupResult(setup.describe(), tuple(range(0, setup.steps + 1, every)), tuple(found))


def replay_setup(
    loss: LearnedLoss,
    setup: Setup,
    evaluation: Evaluation,
    methods: Iterable[MethodResult],
    initial: LearnedLoss | None = None,
) -> Iterator[tuple[MethodResult, Runs]]:
    """Methods that were measured, run again as they were tuned then, on the test tasks of one seed.

    Args:
        loss: the learned loss.
        setup: the setup they were measured in.
        evaluation: the protocol.
        methods: out of what ``measure_setup`` returned; those that the recipe no longer has are left out.
        initial: what meta-training started from; left out if not given.
    """
    trainer = Trainer(setup, dataclasses.replace(evaluation, seeds=1))
    for method in methods:
        candidate = find_candidate(method, loss, setup, evaluation, initial)
        if candidate is not None:
            run = InnerRun(setup.optimizer, method.lr, setup.steps, method.schedule)
            yield method, trainer.test(SelectedRun(candidate, run))


def _by_name(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    """Candidates that differ only in their hyper-parameters, together."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.name, []).append(candidate)
    yield from groups.values()


def _result(
    use: Use, selected: SelectedRun, runs: Runs, comparison: PairedComparison | None, is_baseline: bool
) -> MethodResult:
    mean, (low, high) = runs.curves.mean(1), np.quantile(runs.curves, [0.25, 0.75], axis=1)
    return MethodResult(
        name=selected.candidate.name,
        role=selected.candidate.role,
        use=use,
        hyper=selected.candidate.hyper,
        lr=selected.run.lr,
        schedule=selected.run.schedule,
        objective=bootstrap(runs.final),
        median=round(float(np.median(runs.final)), 5),
        diverged=bootstrap(runs.diverged.astype(float)),
        curve=Curve(*(tuple(np.round(curve, 5).tolist()) for curve in (mean, low, high))),
        selected=is_baseline,
        comparison=comparison,
    )

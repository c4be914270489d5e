"""One setup, measured: every loss tuned on validation tasks, its figures from test tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np

from ml3zoo.evaluate.candidates import Candidate, SelectedRun, Trainer, find_candidate
from ml3zoo.evaluate.method import Runs
from ml3zoo.evaluate.protocol import Evaluation, Setup
from ml3zoo.evaluate.run_cache import RunCache
from ml3zoo.evaluate.statistics import bootstrap, compare
from ml3zoo.evaluate.tuning import Selected, select
from ml3zoo.format.results import Curve, MethodResult, SetupResult, Use
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.optimizers import optimizer_of


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
    trainer = Trainer(setup, evaluation, runs_made or RunCache())
    groups = list(_by_name(Candidate.ordinary(each, setup.baseline_tasks) for each in evaluation.baselines))
    tuned = [_best(trainer.tune(each, setup.lr) for each in group) for group in groups]
    baseline, learned = _best(tuned).candidate, Candidate.learned(loss, setup)
    methods: list[tuple[Use, SelectedRun]] = [("tuned", one.candidate) for one in tuned]
    methods.append(("tuned", trainer.tune(learned, setup.learned_lr).candidate))
    if setup.is_ordinary_training:
        run = tuned[0].candidate.run
        methods += [("swapped in", trainer.swap_in(group, run)) for group in (*groups, [learned])]
    methods += [("recommended", one) for one in _at_recommended(loss, setup, evaluation, initial)]
    every = evaluation.observe_every(setup)
    theirs = trainer.test(baseline)
    found = []
    for use, selected in methods:
        runs = trainer.test(selected)
        result = _result(use, selected, runs, theirs, every, is_baseline=selected is baseline)
        found.append(_without_curve(result) if setup.is_ordinary_training else result)
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
            yield method, trainer.test(SelectedRun(candidate, setup.run(method.lr, method.schedule)))


def _by_name(candidates: Iterable[Candidate]) -> Iterator[list[Candidate]]:
    """Candidates that differ only in their hyper-parameters, together."""
    groups: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        groups.setdefault(candidate.name, []).append(candidate)
    yield from groups.values()


def _best(tuned: Iterable[Selected[SelectedRun, float]]) -> Selected[SelectedRun, float]:
    return select(tuned, lambda one: one.score).candidate


def _at_recommended(
    loss: LearnedLoss, setup: Setup, evaluation: Evaluation, initial: LearnedLoss | None
) -> Iterator[SelectedRun]:
    """What is measured at the learned loss's recommended rate, if it has one for the setup's optimiser."""
    inner, learned = loss.config.inner, Candidate.learned(loss, setup)
    schedule = "constant" if setup.schedule == "tuned" else setup.schedule
    run = setup.run(inner.lr, schedule)
    if setup.is_ordinary_training:
        if optimizer_of(inner) == setup.optimizer:
            yield SelectedRun(learned, run)
    elif setup.unseen != "optimizer":
        yield SelectedRun(learned, run)
        if initial is not None:
            yield SelectedRun(Candidate.initial(initial, setup), run)
        yield SelectedRun(Candidate.ordinary(evaluation.baselines[0], setup.tasks), run)


def _result(
    use: Use, selected: SelectedRun, runs: Runs, theirs: Runs, observe_every: int, *, is_baseline: bool
) -> MethodResult:
    mean, (low, high) = runs.curves.mean(1), np.quantile(runs.curves, [0.25, 0.75], axis=1)
    candidate = selected.candidate
    return MethodResult(
        name=candidate.name,
        role=candidate.role,
        use=use,
        hyper=candidate.hyper,
        lr=selected.run.lr,
        schedule=selected.run.schedule,
        objective=bootstrap(runs.final),
        median=round(float(np.median(runs.final)), 5),
        diverged=bootstrap(runs.diverged.astype(float)),
        curve=Curve(*(tuple(np.round(curve, 5).tolist()) for curve in (mean, low, high))),
        selected=is_baseline,
        comparison=compare(runs, theirs, observe_every) if candidate.role == "learned" else None,
    )


def _without_curve(result: MethodResult) -> MethodResult:
    """A result without its curve, unless it is of the learned loss or of the one it is compared with."""
    return result if result.selected or result.comparison else result.replace(curve=None)

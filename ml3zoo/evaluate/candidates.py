"""What takes part in a setup, and its runs, each made once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

from torch import nn

from ml3zoo.evaluate.method import Method, Runs
from ml3zoo.evaluate.protocol import Baseline, Evaluation, Setup
from ml3zoo.evaluate.run_cache import RunCache
from ml3zoo.evaluate.tuning import Selected, select
from ml3zoo.format.results import MethodResult, Role
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.agents import Run
from ml3zoo.tasks.base import Split, TaskFamily

_FIRST_TEST_SEED = 100


@dataclass(frozen=True)
class Candidate:
    """A loss on the tasks it is trained on.

    Attributes:
        name: "learned" of a learned loss, "initial loss" of what it began as, of others their own.
        role: which loss it is.
        hyper: its hyper-parameters, if there are several of its name.
        loss: the loss itself.
        tasks: as it wants them.
    """

    name: str
    role: Role
    hyper: str
    loss: nn.Module = field(compare=False)
    tasks: TaskFamily

    @classmethod
    def learned(cls, loss: LearnedLoss, setup: Setup) -> Candidate:
        """The loss that is measured; one that was written down goes by its own name."""
        name = loss.config.name if loss.config.citation else "learned"
        return cls(name, "learned", "", loss, setup.tasks)

    @classmethod
    def initial(cls, loss: LearnedLoss, setup: Setup) -> Candidate:
        """The loss that meta-training started from."""
        return cls("initial loss", "initial", "", loss, setup.tasks)

    @classmethod
    def ordinary(cls, baseline: Baseline, tasks: TaskFamily) -> Candidate:
        """An ordinary loss."""
        return cls(baseline.name, "baseline", baseline.hyper, baseline.make(), tasks)


def find_candidate(
    method: MethodResult, loss: LearnedLoss, setup: Setup, evaluation: Evaluation, initial: LearnedLoss | None
) -> Candidate | None:
    """The candidate that gave a result; None if the initial loss is wanted and not at hand."""
    if method.role == "learned":
        return Candidate.learned(loss, setup)
    if method.role == "initial":
        return Candidate.initial(initial, setup) if initial is not None else None
    tasks = setup.tasks if method.use == "recommended" else setup.baseline_tasks
    same = (each for each in evaluation.baselines if (each.name, each.hyper) == (method.name, method.hyper))
    return next((Candidate.ordinary(each, tasks) for each in same), None)


@dataclass(frozen=True)
class SelectedRun:
    """A candidate with the run it is measured by."""

    candidate: Candidate
    run: Run


@dataclass(frozen=True)
class Trainer:
    """Trains networks in one setup.

    Attributes:
        setup: the setup.
        evaluation: the protocol.
        runs_made: runs already made; setups that differ only in their reported step may share it.
    """

    setup: Setup
    evaluation: Evaluation
    runs_made: RunCache = field(default_factory=RunCache)
    _methods: dict[Candidate, Method] = field(default_factory=dict)

    def tune(self, candidate: Candidate, lr: float) -> Selected[SelectedRun, float]:
        """A candidate with its best run on validation tasks, around a learning rate.

        The grid grows beyond an edge at which the best learning rate lies, if the protocol wants that.
        """
        rates = [lr * factor for factor in self.evaluation.grid]
        best = self._best_at(rates, candidate)
        for _ in range(self.evaluation.growth):
            beyond = _beyond({rate: self._best_at([rate], candidate).score for rate in rates})
            if beyond is None:
                break
            rates.append(beyond)
            best = self._best_at(rates, candidate)
        return best

    def swap_in(self, candidates: Iterable[Candidate], run: Run) -> SelectedRun:
        """Of candidates that differ in their hyper-parameters the best one at the run of another loss."""
        return select((SelectedRun(each, run) for each in candidates), self._score).candidate

    def test(self, selected: SelectedRun) -> Runs:
        """All runs on test tasks."""
        seeds = range(_FIRST_TEST_SEED, _FIRST_TEST_SEED + self.evaluation.seeds)
        parts = [self._runs([selected], self.evaluation.test_tasks, seed, "test")[0] for seed in seeds]
        return Runs.joined(parts).reported(self.setup.reported_step)

    def _best_at(self, rates: list[float], candidate: Candidate) -> Selected[SelectedRun, float]:
        fixed = self.setup.schedule
        schedules = self.evaluation.schedules if fixed == "tuned" else (fixed,)
        runs = [SelectedRun(candidate, self.setup.run(lr, each)) for lr in rates for each in schedules]
        self._validation_runs(runs)
        return select(runs, self._score)

    def _score(self, selected: SelectedRun) -> float:
        """Mean selection metric on validation tasks."""
        (runs,) = self._validation_runs([selected])
        return float(runs.reported(self.setup.reported_step).selection.mean())

    def _validation_runs(self, selected: list[SelectedRun]) -> list[Runs]:
        return self._runs(selected, self.evaluation.validation_tasks, 1, "valid")

    def _runs(self, selected: list[SelectedRun], n: int, seed: int, split: Split) -> list[Runs]:
        """Runs of one candidate; those that differ in their learning rate alone are made side by side."""
        candidate, metric = selected[0].candidate, self.evaluation.metric
        observed = split == "test" or any(setup.reported_step != "last" for setup in self.evaluation.setups)
        every = self.evaluation.observe_every(self.setup) if observed else 0
        more = (n, seed, split, every, metric.cap, self.evaluation.compiled)
        keys = {each.run: repr((each.run, *more)) for each in selected}
        made = self.runs_made.find(candidate)
        missing: dict[Run, list[Run]] = {}
        for run, key in keys.items():
            if key not in made:
                missing.setdefault(dataclasses.replace(run, lr=0.0), []).append(run)
        for alike in missing.values():
            rates = [run.lr for run in alike]
            found = self._method(candidate).measure_rates(alike[0], rates, n, seed, split, every)
            self.runs_made.add(candidate, {keys[run]: runs for run, runs in zip(alike, found, strict=True)})
        return [made[keys[each.run]] for each in selected]

    def _method(self, candidate: Candidate) -> Method:
        if candidate not in self._methods:
            self._methods[candidate] = Method.of(
                candidate.loss,
                candidate.tasks,
                self.setup.optimizer,
                cap=self.evaluation.metric.cap,
                compiled=self.evaluation.compiled,
            )
        return self._methods[candidate]


def _beyond(scores: dict[float, float]) -> float | None:
    """The next learning rate outwards, if no rate is better than one at an edge."""
    ordered, best = sorted(scores), min(scores.values())
    if scores[ordered[0]] == best:
        return ordered[0] ** 2 / ordered[1]
    return ordered[-1] ** 2 / ordered[-2] if scores[ordered[-1]] == best else None

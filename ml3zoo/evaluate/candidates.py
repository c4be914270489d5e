"""What takes part in a setup, and its runs, each made once."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from torch import nn

from ml3zoo.evaluate.method import Method, Runs
from ml3zoo.evaluate.protocol import Baseline, Evaluation, Setup
from ml3zoo.format.results import MethodResult, Role
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.inner import InnerRun
from ml3zoo.tasks.base import Split, TaskFamily

_FIRST_TEST_SEED = 100


@dataclass(frozen=True)
class Candidate:
    """A loss on the tasks it is trained on.

    Attributes:
        name: of an ordinary loss its own, else "learned" or "initial loss".
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
        """The learned loss."""
        return cls("learned", "learned", "", loss, setup.tasks)

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
    tasks = setup.baseline_tasks if method.use == "tuned" else setup.tasks
    same = (each for each in evaluation.baselines if (each.name, each.hyper) == (method.name, method.hyper))
    return next((Candidate.ordinary(each, tasks) for each in same), None)


@dataclass(frozen=True)
class SelectedRun:
    """A candidate with the run it is measured by."""

    candidate: Candidate
    run: InnerRun


RunCache = dict[tuple[Candidate, Setup, InnerRun, Split, int], Runs]
"""Runs by candidate, setup (but for its reported step), run, split and seed."""


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
    runs_made: RunCache = field(default_factory=dict)
    _methods: dict[Candidate, Method] = field(default_factory=dict)

    def grid(self, candidate: Candidate, lr: float) -> Iterator[SelectedRun]:
        """Every run that tuning tries, around a learning rate."""
        fixed = self.setup.schedule
        schedules = self.evaluation.schedules if fixed == "tuned" else (fixed,)
        for factor, schedule in itertools.product(self.evaluation.grid, schedules):
            yield SelectedRun(candidate, InnerRun(self.setup.optimizer, lr * factor, self.setup.steps, schedule))

    def validate(self, selected: SelectedRun) -> float:
        """Mean selection metric on validation tasks."""
        runs = self._runs(selected, self.evaluation.validation_tasks, 1, "valid")
        return float(runs.reported(self.setup.reported_step).selection.mean())

    def test(self, selected: SelectedRun) -> Runs:
        """All runs on test tasks."""
        seeds = range(_FIRST_TEST_SEED, _FIRST_TEST_SEED + self.evaluation.seeds)
        parts = [self._runs(selected, self.evaluation.test_tasks, seed, "test") for seed in seeds]
        return Runs.joined(parts).reported(self.setup.reported_step)

    def _runs(self, selected: SelectedRun, n: int, seed: int, split: Split) -> Runs:
        key = (selected.candidate, dataclasses.replace(self.setup, reported_step="last"), selected.run, split, seed)
        if key not in self.runs_made:
            observed = split == "test" or any(setup.reported_step != "last" for setup in self.evaluation.setups)
            every = self.evaluation.observe_every(self.setup) if observed else 0
            self.runs_made[key] = self._method(selected.candidate).measure(selected.run, n, seed, split, every)
        return self.runs_made[key]

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

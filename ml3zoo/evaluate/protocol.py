"""What is measured: setups, ordinary losses, metric, grids and numbers of tasks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from torch import nn

from ml3zoo.errors import InputError
from ml3zoo.format.config import InnerConfig
from ml3zoo.format.results import (
    MetricDescription,
    ProtocolDescription,
    ReportedStep,
    Schedule,
    SetupDescription,
    SetupSchedule,
    Unseen,
)
from ml3zoo.meta.agents import AgentRun, Run
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import InnerOptimizer, optimizer_of
from ml3zoo.tasks.base import TaskFamily


@dataclass(frozen=True)
class Metric:
    """What a task family's ``metric`` is.

    Attributes:
        name: short, as in a table.
        description: as a sentence begins.
        conditions: what the methods were given; a sentence, or nothing.
        cap: a run that ends above this, or not finite, counts as diverged and enters every mean with this value.
    """

    name: str
    description: str
    conditions: str
    cap: float = 10.0

    def describe(self) -> MetricDescription:
        """As ``results.json`` has it."""
        return MetricDescription(self.name, self.description, self.conditions)


NMSE = Metric(
    name="NMSE",
    description="Normalised mean squared error at the end of training",
    conditions="",
)
OWN = Metric(name="metric", description="The tasks' own metric at the end of training", conditions="")
"""Of a protocol that does not say what it measures."""


@dataclass(frozen=True)
class Baseline:
    """An ordinary loss.

    Attributes:
        name: of several with one name, the best on validation tasks is measured.
        make: builds the loss.
        hyper: its hyper-parameters, if there are several of its name.
    """

    name: str
    make: Callable[[], nn.Module]
    hyper: str = ""


@dataclass(frozen=True)
class Setup:
    """One network under one optimiser for a number of steps.

    With minibatches it is ordinary training: there all losses are also swapped in for the first ordinary one.

    Attributes:
        network: what is trained.
        baseline_tasks: the tasks as ordinary losses want them, with standardised targets where there are any.
        tasks: the same tasks as the learned loss wants them.
        optimizer: what trains the network.
        lr: middle of the learning-rate grid of the ordinary losses.
        learned_lr: the same for the learned loss.
        steps: gradient steps.
        schedule: of the learning rate; if "tuned", the best of the evaluation's for each method.
        data: what the tasks are made of, where setups differ in that.
        noise: the same for their noise.
        unseen: what of this setup meta-training never saw.
        reported_step: which step of each run is reported.
        batch: points of a minibatch; None for the full batch.
        epochs: passes through the data, where that is how the steps were chosen.
        warmup: share of the steps over which the learning rate rises.
        agents: how agents learn, where the tasks are theirs; then learning rate and schedule are all else that counts.
    """

    network: str
    baseline_tasks: TaskFamily
    tasks: TaskFamily
    optimizer: InnerOptimizer
    lr: float
    learned_lr: float
    steps: int
    schedule: SetupSchedule = "tuned"
    data: str = ""
    noise: str = ""
    unseen: Unseen = ""
    reported_step: ReportedStep = "last"
    batch: int | None = None
    epochs: int | None = None
    warmup: float = 0.0
    agents: AgentRun | None = None

    @classmethod
    def of_agents(cls, world: str, tasks: TaskFamily, run: AgentRun) -> Setup:
        """Agents that learn in a world. It is ordinary training: losses are swapped in too.

        Args:
            world: what it is called.
            tasks: of all losses.
            run: how agents learn, at the middle of the learning-rate grid.
        """
        return cls(
            network=str(tasks),
            baseline_tasks=tasks,
            tasks=tasks,
            optimizer=run.optimizer,
            lr=run.lr,
            learned_lr=run.lr,
            steps=run.steps,
            schedule="constant",
            data=world,
            unseen="data",
            batch=run.batch,
            agents=run,
        )

    @classmethod
    def of(
        cls,
        network: str,
        tasks: TaskFamily,
        steps: int,
        middles: Mapping[InnerOptimizer, float],
        inner: InnerConfig,
        *,
        schedule: SetupSchedule = "tuned",
        data: str = "",
        noise: str = "",
        optimizer: InnerOptimizer | None = None,
        baseline_tasks: TaskFamily | None = None,
        unseen: Unseen = "",
        reported_step: ReportedStep = "last",
        batch: int | None = None,
        epochs: int | None = None,
        warmup: float = 0.0,
    ) -> Setup:
        """A setup whose learning rates follow from its optimiser.

        Args:
            network: what is trained.
            tasks: of the learned loss.
            steps: gradient steps.
            middles: of the learning-rate grid, by optimiser.
            inner: what the learned loss was made for; under its own optimiser its own rate is the middle.
            schedule: of the learning rate; if "tuned", the best of the evaluation's for each method.
            data: what the tasks are made of, where setups differ in that.
            noise: the same for their noise.
            optimizer: the loss's own if not given.
            baseline_tasks: tasks of the ordinary losses, if they are not the same.
            unseen: what of this setup meta-training never saw.
            reported_step: which step of each run is reported.
            batch: points of a minibatch; None for the full batch.
            epochs: passes through the data, where that is how the steps were chosen.
            warmup: share of the steps over which the learning rate rises.
        """
        own = optimizer_of(inner)
        optimizer = optimizer or own
        middle = middles[optimizer]
        return cls(
            network=network,
            baseline_tasks=baseline_tasks or tasks,
            tasks=tasks,
            optimizer=optimizer,
            lr=middle,
            learned_lr=inner.lr if optimizer == own else middle,
            steps=steps,
            schedule=schedule,
            data=data,
            noise=noise,
            unseen=unseen,
            reported_step=reported_step,
            batch=batch,
            epochs=epochs,
            warmup=warmup,
        )

    @property
    def is_ordinary_training(self) -> bool:
        """Whether it is how people train: in minibatches."""
        return self.batch is not None

    def run(self, lr: float, schedule: Schedule) -> Run:
        """A run of it."""
        if self.agents is not None:
            return replace(self.agents, lr=lr)
        return InnerRun(self.optimizer, lr, self.steps, schedule, self.batch, self.warmup)

    def describe(self) -> SetupDescription:
        """As ``results.json`` has it."""
        return SetupDescription(
            network=self.network,
            optimizer=str(self.optimizer),
            steps=self.steps,
            schedule=self.schedule,
            data=self.data,
            noise=self.noise,
            unseen=self.unseen,
            reported_step=self.reported_step,
            batch=self.batch,
            epochs=self.epochs,
        )

    def __str__(self) -> str:
        return str(self.describe())


@dataclass(frozen=True)
class Evaluation:
    """Everything that decides the numbers in a card. The first setup is the one the loss was made for.

    Attributes:
        setups: what is trained.
        baselines: the first is the ordinary loss of the problem type; others are swapped in at its learning rate.
        metric: what is measured.
        grid: factors of a setup's learning rate that tuning tries.
        growth: how many values the grid may get beside an edge at which the best learning rate lies.
        schedules: of the learning rate, that tuning tries.
        validation_tasks: to tune on.
        test_tasks: by seed.
        seeds: of the test tasks.
        observations: points of a learning curve.
        cost_sizes: numbers of points for which a call is timed.
        compiled: whether steps are compiled, once for each loss and network.
    """

    setups: tuple[Setup, ...]
    baselines: tuple[Baseline, ...]
    metric: Metric = OWN
    grid: tuple[float, ...] = tuple(10 ** (k / 3) for k in range(-5, 6))
    growth: int = 0
    schedules: tuple[Schedule, ...] = ("constant", "cosine")
    validation_tasks: int = 100
    test_tasks: int = 100
    seeds: int = 5
    observations: int = 20
    cost_sizes: tuple[int, ...] = (128, 10_000, 1_000_000)
    compiled: bool = False

    def __post_init__(self) -> None:
        """See that nothing is empty, that setups have names of their own, and that a grid can grow."""
        for name in ("setups", "baselines", "grid", "schedules"):
            if not len(getattr(self, name)):
                raise InputError(f"an evaluation without {name} measures nothing: at least one was expected.")
        names = [str(setup) for setup in self.setups]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise InputError(
                f"two setups of an evaluation are both named {double[0]!r}: say in data, noise or network how they "
                "differ."
            )

        if self.growth and len(self.grid) < 2:
            raise InputError(f"a grid that grows needs two values at least, to know how far apart; got {self.grid}.")

    def observe_every(self, setup: Setup) -> int:
        """Steps between observations of a learning curve."""
        return max(1, setup.steps // self.observations)

    def describe(self) -> ProtocolDescription:
        """As ``results.json`` has it."""
        return ProtocolDescription(
            validation_tasks=self.validation_tasks,
            test_tasks_per_seed=self.test_tasks,
            seeds=self.seeds,
            learning_rates=len(self.grid),
            decades=round(math.log10(self.grid[-1] / self.grid[0]), 2),
            schedules=self.schedules,
            baselines=tuple(baseline.name for baseline in self.baselines),
            cap=self.metric.cap,
            growth=self.growth,
        )

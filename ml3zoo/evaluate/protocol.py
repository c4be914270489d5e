"""What is measured: setups, ordinary losses, metric, grids and numbers of tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from torch import nn

from ml3zoo.errors import InputError
from ml3zoo.format.config import InnerConfig
from ml3zoo.meta.inner import Schedule
from ml3zoo.meta.optimizers import InnerOptimizer, optimizer_of
from ml3zoo.tasks.base import TaskFamily

Unseen = Literal["", "architecture", "optimizer", "horizon", "data"]
ReportedStep = Literal["last", "best", "mean"]
"""Which metric of a run is reported: after its last step, at its best observed step by the selection metric, or the mean
over observed steps."""
_TOLD: dict[ReportedStep, str] = {"last": "", "best": ", early stopping", "mean": ", mean over the steps"}


@dataclass(frozen=True)
class Metric:
    """What a task family's ``metric`` is.

    Attributes:
        name: short, as in a table.
        description: as a sentence begins.
        conditions: what else the methods had, or had not; a sentence.
        cap: a run that ends above this, or not finite, counts as diverged and enters every mean with this value.
    """

    name: str
    description: str
    conditions: str
    cap: float = 10.0


NMSE = Metric(
    name="NMSE",
    description="Normalised mean squared error at the end of training",
    conditions='Ordinary losses had standardised targets, but for "same lr", which had those of the learned loss.',
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
class Setup:
    """One network under one optimiser for a number of steps.

    Attributes:
        network: what is trained, and on what data where that matters.
        baseline_tasks: the tasks as a careful user prepares them, for the ordinary losses.
        tasks: the same tasks as the learned loss wants them.
        lr: middle of the learning-rate grid of the ordinary losses.
        learned_lr: the same for the learned loss.
        steps: gradient steps.
        unseen: what of this setup meta-training never saw.
        reported_step: what of each run.
    """

    network: str
    baseline_tasks: TaskFamily
    tasks: TaskFamily
    optimizer: InnerOptimizer
    lr: float
    learned_lr: float
    steps: int
    unseen: Unseen = ""
    reported_step: ReportedStep = "last"

    @classmethod
    def of(
        cls,
        network: str,
        tasks: TaskFamily,
        steps: int,
        middles: Mapping[InnerOptimizer, float],
        inner: InnerConfig,
        *,
        optimizer: InnerOptimizer | None = None,
        baseline_tasks: TaskFamily | None = None,
        unseen: Unseen = "",
        reported_step: ReportedStep = "last",
    ) -> Setup:
        """A setup whose rates follow from its optimiser.

        Args:
            network: what is trained.
            tasks: of the learned loss.
            steps: gradient steps.
            middles: of the learning-rate grid, by optimiser.
            inner: what the learned loss was made for; under its own optimiser its own rate is the middle.
            optimizer: the loss's own if not given.
            baseline_tasks: tasks of the ordinary losses, if they are not the same.
            unseen: what of this setup meta-training never saw.
            reported_step: what of each run.
        """
        own = optimizer_of(inner)
        chosen = optimizer or own
        middle = middles[chosen]
        learned = inner.lr if chosen == own else middle
        return cls(network, baseline_tasks or tasks, tasks, chosen, middle, learned, steps, unseen, reported_step)

    def __str__(self) -> str:
        return f"{self.network} under {self.optimizer}, {self.steps} steps{_TOLD[self.reported_step]}"


@dataclass(frozen=True)
class Evaluation:
    """Everything that decides the numbers in a card. The first setup is the one the loss was made for."""

    setups: tuple[Setup, ...]
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

    def __post_init__(self) -> None:
        """Cells are told apart by their names."""
        names = [str(setup) for setup in self.setups]
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            raise InputError(
                f"two setups of an evaluation are both named {double[0]!r}: say in network how they differ."
            )

    def observe_every(self, setup: Setup) -> int:
        """Steps between observations of a learning curve."""
        return max(1, setup.steps // self.observations)

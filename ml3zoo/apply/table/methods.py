"""Networks trained on a table under a loss: runs selected on validation rows, results measured on test rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ml3zoo.apply.figures import Array
from ml3zoo.apply.table.measures import Measure, SelectionMetric
from ml3zoo.apply.table.task import TableTask
from ml3zoo.evaluate.tuning import select
from ml3zoo.format.results import Schedule
from ml3zoo.meta.inner import InnerRun, expand
from ml3zoo.meta.optimizers import InnerOptimizer
from ml3zoo.meta.step import Step, unobserved
from ml3zoo.tasks.base import Tensors

GRID = tuple(10 ** (k / 2 - 1.5) for k in range(7))
SCHEDULES: tuple[Schedule, ...] = ("constant", "cosine")
RUNS = len(GRID) * len(SCHEDULES)
"""How many runs tuning tries."""
_TUNING_SEEDS = 2


@dataclass(frozen=True)
class TableMethod:
    """A loss and the run to train under it.

    Attributes:
        label: as in a report.
        step: of training under the loss.
        run: optimiser, learning rate, schedule and steps.
        score: what the run was selected by, mean over networks; empty if it was given.
    """

    label: str
    step: Step
    run: InnerRun
    score: tuple[float, ...] = ()


@dataclass(frozen=True)
class EvaluatedNetworks:
    """Networks trained by one method, and how good they are.

    Attributes:
        selected: how they were trained.
        params: of the networks, each tensor with a leading axis of networks.
        output: of the networks on the test rows, [networks, rows, outputs].
        scores: metrics on the test rows, each [networks].
        curve: selection metric during training, [observations, networks].
        best: index of the network that is best on validation rows.
    """

    selected: TableMethod
    params: Tensors
    output: Tensor
    scores: dict[str, Array]
    curve: Array
    best: int


@dataclass(frozen=True)
class TableTrainer:
    """Trains networks on a table under any loss.

    Attributes:
        family: the table as a family of tasks.
        measure: how the networks are measured.
        selection_metric: what runs are selected by on validation rows.
        optimizer: of the networks.
        steps: of each run.
        note: called after each training with its name.
    """

    family: TableTask
    measure: Measure
    selection_metric: SelectionMetric
    optimizer: InnerOptimizer
    steps: int
    note: Callable[[str], None]

    @property
    def observe_every(self) -> int:
        """Steps between observations of a learning curve."""
        return max(1, self.steps // 50)

    def recommended(self, label: str, loss: nn.Module, lr: float) -> TableMethod:
        """A loss at a given learning rate."""
        return TableMethod(label, self._step(loss), InnerRun(self.optimizer, lr, self.steps))

    def tuned(self, label: str, loss: nn.Module, lr: float) -> TableMethod:
        """A loss with the best run of a grid around a learning rate."""
        step = self._step(loss)
        runs = [
            InnerRun(self.optimizer, lr * factor, self.steps, schedule) for factor in GRID for schedule in SCHEDULES
        ]
        best = select(runs, lambda run: self._validated(step, run))
        return TableMethod(label, step, best.candidate, best.score)

    def evaluate(self, selected: TableMethod, networks: int) -> EvaluatedNetworks:
        """Train so many networks and measure them on the test rows."""
        curve: list[Array] = []

        def observe(step: int, params: Tensors) -> None:
            if step % self.observe_every == 0:
                curve.append(self._validation_scores(params)[0])

        params = self._train(selected.step, selected.run, networks, 100, observe)
        self.note(selected.label)
        table = self.family.table
        output = self.family.outputs(params, "test")
        scores = self.measure.scores(output, table.y["test"], table.target)
        best = int(np.lexsort(self._validation_scores(params)[::-1])[0])
        return EvaluatedNetworks(selected, params, output, scores, np.array(curve), best)

    def _step(self, loss: nn.Module) -> Step:
        return Step.of(loss, self.family, self.optimizer)

    def _validated(self, step: Step, run: InnerRun) -> tuple[float, ...]:
        params = self._train(step, run, _TUNING_SEEDS, 1)
        self.note(f"lr {run.lr:.2g}")
        return tuple(float(value.mean()) for value in self._validation_scores(params))

    def _validation_scores(self, params: Tensors) -> tuple[Array, ...]:
        """The selection metric's values on the validation rows, each [networks]."""
        return self.selection_metric.values(self.family.outputs(params, "valid"), self.family.table.y["valid"])

    def _train(
        self,
        step: Step,
        run: InnerRun,
        networks: int,
        seed: int,
        observe: Callable[[int, Tensors], None] = unobserved,
    ) -> Tensors:
        phi = {k: p.detach() for k, p in step.loss.named_parameters()}
        tasks = run.sample(self.family, torch.Generator().manual_seed(seed), networks, "train")
        return run(step, expand(phi, networks), tasks, observe)

"""Training networks under one loss, many side by side."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import vmap

from ml3zoo.evaluate.statistics import Array
from ml3zoo.format.results import ReportedStep
from ml3zoo.meta.agents import Run
from ml3zoo.meta.inner import count, expand
from ml3zoo.meta.optimizers import InnerOptimizer
from ml3zoo.meta.step import Step
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors

_BATCH = 50
"""Networks trained side by side: one shape to compile, small enough for the processor's cache."""
_BYTES = 2**29
"""What their data may take, each network's counted by itself."""


@dataclass(frozen=True)
class Runs:
    """What came of one method's runs.

    Attributes:
        final: metric at the reported step, [runs].
        selection: selection metric at the reported step, [runs].
        diverged: [runs].
        curves: metric on the way, [observations, runs].
        selection_curves: selection metric on the way, [observations, runs].
    """

    final: Array
    selection: Array
    diverged: NDArray[np.bool_]
    curves: Array
    selection_curves: Array

    @classmethod
    def joined(cls, parts: Sequence[Runs]) -> Runs:
        """All runs of several."""
        return cls(
            *(np.concatenate([getattr(part, field.name) for part in parts], -1) for field in dataclasses.fields(cls))
        )

    def part(self, which: slice) -> Runs:
        """Some of the runs."""
        return Runs(*(getattr(self, field.name)[..., which] for field in dataclasses.fields(self)))

    def reported(self, step: ReportedStep) -> Runs:
        """The same runs, reported at another step than their last; they must have been observed."""
        if step == "best":
            best = (np.argmin(self.selection_curves, 0), np.arange(len(self.final)))
            return dataclasses.replace(self, final=self.curves[best], selection=self.selection_curves[best])
        if step == "mean":
            return dataclasses.replace(self, final=self.curves[1:].mean(0), selection=self.selection_curves[1:].mean(0))
        return self


@dataclass(frozen=True)
class Method:
    """A loss with its parameters, ready to train networks on a family of tasks.

    Attributes:
        step: one step of training under the loss.
        phi: the loss's parameters.
        cap: of the metric.
    """

    step: Step
    phi: Tensors
    cap: float = 10.0

    @classmethod
    def of(
        cls,
        loss: nn.Module,
        family: TaskFamily,
        optimizer: InnerOptimizer,
        *,
        cap: float = 10.0,
        compiled: bool = False,
    ) -> Method:
        """A loss on a family of tasks under an optimiser."""
        phi = {name: p.detach() for name, p in loss.named_parameters()}
        return cls(Step.of(loss, family, optimizer, compiled=compiled), phi, cap)

    def measure(self, run: Run, n: int, seed: int, split: Split, observe_every: int = 0) -> Runs:
        """Train n networks on n tasks of a split; the last step is reported.

        Args:
            run: how they are trained.
            n: networks.
            seed: of the tasks.
            split: of the tasks.
            observe_every: steps between observations on the way; 0 for none.
        """
        return self.measure_rates(run, [run.lr], n, seed, split, observe_every)[0]

    def measure_rates(
        self, run: Run, rates: Sequence[float], n: int, seed: int, split: Split, observe_every: int = 0
    ) -> list[Runs]:
        """The same at several learning rates, side by side on the same tasks.

        Args:
            run: how they are trained, but for its learning rate.
            rates: learning rates.
            n: networks at each rate.
            seed: of the tasks.
            split: of the tasks.
            observe_every: steps between observations on the way; 0 for none.

        Returns:
            Runs [n], by rate.
        """
        tasks = run.sample(self.step.family, torch.Generator().manual_seed(seed), n, split)
        task = torch.arange(n).repeat(len(rates))
        lr = torch.tensor(rates, dtype=next(iter(tasks.initial.values())).dtype).repeat_interleave(n)
        size = _side_by_side(tasks)
        parts = [
            self._measure(run, lr[k : k + size], tasks.pick(task[k : k + size]), observe_every)
            for k in range(0, len(task), size)
        ]
        runs = Runs.joined(parts)
        return [runs.part(slice(k, k + n)) for k in range(0, len(task), n)]

    def _measure(self, run: Run, lr: Tensor, tasks: Tasks, observe_every: int) -> Runs:
        metric, selection_metric = vmap(self.step.family.metric), vmap(self.step.family.selection_metric)
        curves, selection_curves = list[Array](), list[Array]()

        def observe(step: int, params: Tensors) -> None:
            if observe_every and step % observe_every == 0:
                curves.append(self._capped(metric(params, tasks.data)))
                selection_curves.append(self._capped(selection_metric(params, tasks.data)))

        with torch.no_grad():
            params = run(self.step, expand(self.phi, count(tasks)), tasks, observe, lr)
            value, selection = metric(params, tasks.data), selection_metric(params, tasks.data)
        shape = (len(curves), len(value))
        return Runs(
            final=self._capped(value),
            selection=self._capped(selection),
            diverged=(~(value <= self.cap)).numpy(),
            curves=np.reshape(curves, shape),
            selection_curves=np.reshape(selection_curves, shape),
        )

    def _capped(self, value: Tensor) -> Array:
        return value.double().nan_to_num(self.cap, self.cap).clamp(max=self.cap).numpy()


def _side_by_side(tasks: Tasks) -> int:
    """How many networks are trained at once."""
    bytes_each = sum(x[0].nbytes for x in tasks.data.values())
    return max(1, min(_BATCH, _BYTES // max(1, bytes_each)))

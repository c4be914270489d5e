"""What came of training on a table: every loss at every learning rate is trained once, and kept in a journal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml3zoo.apply.figures import Array
from ml3zoo.apply.table.candidates import Candidate
from ml3zoo.apply.table.measures import Measure, SelectionMetric
from ml3zoo.apply.table.splits import TableSplits
from ml3zoo.apply.table.training import Training
from ml3zoo.errors import CheckpointError
from ml3zoo.format.files import write_text
from ml3zoo.meta.inner import expand
from ml3zoo.meta.step import Step
from ml3zoo.tasks.base import Tensors

_SIDE_BY_SIDE = 50
"""Networks trained at once."""
_SEED = 1


@dataclass(frozen=True)
class Trial:
    """One loss at one learning rate, a network on each split, as it was when it was best on validation rows.

    Attributes:
        candidate: the loss.
        lr: learning rate.
        selection: values of the selection metric, each [splits].
        scores: metrics on test rows, each [splits].
        curve: selection metric on the way, [observations, splits].
    """

    candidate: Candidate
    lr: float
    selection: tuple[Array, ...]
    scores: dict[str, Array]
    curve: Array

    @property
    def score(self) -> tuple[float, ...]:
        """What trials are selected by: means over splits. Lower is better."""
        return tuple(float(value.mean()) for value in self.selection)

    @property
    def splits(self) -> int:
        """How many networks."""
        return int(self.curve.shape[1])

    def first(self, splits: int) -> Trial:
        """On the first splits alone."""
        selection = tuple(value[:splits] for value in self.selection)
        scores = {name: value[:splits] for name, value in self.scores.items()}
        return Trial(self.candidate, self.lr, selection, scores, self.curve[:, :splits])


@dataclass
class Trials:
    """Trains networks on a table, each loss at each learning rate once.

    Attributes:
        family: the table.
        measure: how networks are measured.
        selection_metric: what networks are selected by on validation rows.
        training: how they are trained.
        journal: a file that keeps what was trained, for the next attempt; None keeps nothing.
        fingerprint: of all that trials depend on; a journal that has another is begun anew.
        note: called after some networks were trained: how many so far, and under what.
        seconds: that training took.
        trained: networks.
        done: networks asked for.
    """

    family: TableSplits
    measure: Measure
    selection_metric: SelectionMetric
    training: Training
    journal: Path | None
    fingerprint: str
    note: Callable[[int, str], None] = lambda done, text: None
    seconds: float = 0.0
    trained: int = 0
    done: int = 0
    _made: dict[str, Trial] = field(default_factory=dict)

    def run(self, candidate: Candidate, rates: Sequence[float], splits: int) -> list[Trial]:
        """A loss at some learning rates, on the first splits."""
        missing = [lr for lr in dict.fromkeys(rates) if not self._has(candidate, lr, splits)]
        per_part = max(1, _SIDE_BY_SIDE // splits)
        for part in (missing[k : k + per_part] for k in range(0, len(missing), per_part)):
            began = time.perf_counter()
            self._made |= {_key(candidate, trial.lr): trial for trial in self._train(candidate, part, splits)}
            self._write()
            self.seconds += time.perf_counter() - began
            self.trained += len(part) * splits
        self.done += len(rates) * splits
        self.note(self.done, str(candidate))
        return [self._made[_key(candidate, lr)].first(splits) for lr in rates]

    def networks(self, trial: Trial) -> Tensors:
        """Train the network of the first split again, and return it as it was best, each tensor with one row."""
        return self._best(trial.candidate, [trial.lr], 1)[0]

    def _has(self, candidate: Candidate, lr: float, splits: int) -> bool:
        """Whether that was trained on so many splits, now or before."""
        key = _key(candidate, lr)
        if key not in self._made and key in self._kept:
            self._made[key] = _read(candidate, self._kept[key])
        return key in self._made and self._made[key].splits >= splits

    def _train(self, candidate: Candidate, rates: Sequence[float], splits: int) -> list[Trial]:
        best, looks, data = self._best(candidate, rates, splits)
        test = self.family.outputs(best, data["x_test"])
        scores = self.measure.scores(test, data["y_test"], self.family.table.target)
        values = [np.stack(each) for each in zip(*looks, strict=True)]  # [observations, networks] each
        place = _best_look(looks), np.arange(len(rates) * splits)
        parts = [slice(k * splits, (k + 1) * splits) for k in range(len(rates))]
        return [
            Trial(
                candidate,
                lr,
                tuple(value[place][part] for value in values),
                {name: value[part] for name, value in scores.items()},
                values[0][:, part],
            )
            for lr, part in zip(rates, parts, strict=True)
        ]

    def _best(
        self, candidate: Candidate, rates: Sequence[float], splits: int
    ) -> tuple[Tensors, list[tuple[Array, ...]], Tensors]:
        """Train. The networks as they were best, their selection metric at every look, and the data they learned."""
        run, family = self.training.run(rates[0]), self.family
        tasks = run.sample(family, torch.Generator().manual_seed(_SEED), splits, "train")
        tasks = tasks.pick(torch.arange(splits).repeat(len(rates)))
        lr = torch.tensor(rates, dtype=torch.float32).repeat_interleave(splits)
        best, looks = dict[str, torch.Tensor](), list[tuple[Array, ...]]()

        def observe(step: int, params: Tensors) -> None:
            if step == 0 or step % self.training.observe_every:
                return
            valid = family.outputs(params, tasks.data["x_valid"])
            looks.append(self.selection_metric.values(valid, tasks.data["y_valid"]))
            better = torch.from_numpy(_best_look(looks) == len(looks) - 1)
            for name, x in params.items():
                best[name] = torch.where(better.view(-1, *[1] * (x.dim() - 1)), x.detach(), best.get(name, x.detach()))

        phi = {name: p.detach() for name, p in candidate.loss.named_parameters()}
        run(Step.of(candidate.loss, family, run.optimizer), expand(phi, len(lr)), tasks, observe, lr)
        return best, looks, tasks.data

    @cached_property
    def _kept(self) -> dict[str, Any]:
        """What the journal holds, as it is written there, by loss and learning rate."""
        if self.journal is None or not self.journal.exists():
            return {}
        try:
            found = json.loads(self.journal.read_text(encoding="utf-8"))
            kept: dict[str, Any] = found["trials"] if found["of"] == self.fingerprint else {}
            return kept
        except (ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{self.journal} is damaged: trained losses were expected. Delete it; they are then trained again."
            ) from error

    def _write(self) -> None:
        if self.journal is not None:
            made = {key: _written(trial) for key, trial in self._made.items()}
            write_text(self.journal, json.dumps({"of": self.fingerprint, "trials": self._kept | made}))


def _best_look(looks: Sequence[tuple[Array, ...]]) -> NDArray[np.int64]:
    """At which look each network was best, the first of equal ones, [networks]."""
    values = [np.stack(each) for each in zip(*looks, strict=True)]
    place: NDArray[np.int64] = np.lexsort(values[::-1], axis=0)[0]
    return place


def _key(candidate: Candidate, lr: float) -> str:
    return f"{candidate} {candidate.content} {lr!r}"


def _written(trial: Trial) -> dict[str, Any]:
    return {
        "lr": trial.lr,
        "selection": [value.tolist() for value in trial.selection],
        "scores": {name: value.tolist() for name, value in trial.scores.items()},
        "curve": trial.curve.tolist(),
    }


def _read(candidate: Candidate, written: dict[str, Any]) -> Trial:
    selection = tuple(np.array(value) for value in written["selection"])
    scores = {name: np.array(value) for name, value in written["scores"].items()}
    return Trial(candidate, written["lr"], selection, scores, np.array(written["curve"]))

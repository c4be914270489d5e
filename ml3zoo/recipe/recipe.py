"""A recipe: everything that decides a learned loss, and how it becomes a card folder."""

from __future__ import annotations

import copy
import datetime
import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ml3zoo.__version__ import __version__
from ml3zoo.errors import Ml3zooError, OutputError
from ml3zoo.evaluate import Evaluation, Method, bootstrap, evaluate, measure_another, measure_cost, swapped_in
from ml3zoo.format.config import FILE_NAME, LossConfig, Provenance
from ml3zoo.format.files import check_replaceable, make_folder
from ml3zoo.format.results import REMEDY, Interval, MetaTrainingRecord, Results, SeedResult
from ml3zoo.format.schema import parse
from ml3zoo.losses import LearnedLoss, build_loss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.initialisation.base import Initialisation
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.log import read_log
from ml3zoo.meta.outer import MetaTraining, Progress, is_unfinished, meta_train
from ml3zoo.meta.ranks import Ranks, joined_ranks
from ml3zoo.recipe.card_folder import write_card

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CACHE = "evaluation.json"
BASELINE_RUNS = "baselines.training"
"""Folder beside the card's, for runs of ordinary losses that several recipes make."""
_QUICK_TASKS = 4
"""Of a quick run, in a batch and to validate on."""


@dataclass(frozen=True)
class Recipe:
    """How one loss of the zoo is made and measured.

    Attributes:
        config: the loss without its weights; ``inner`` is what it is recommended for.
        training: the meta-training; its seed is replaced by each of ``seeds``. None for a loss that was written down:
            it has the parameters of ``init``.
        evaluation: makes the protocol for a config.
        example: Python for the card's snippet, makes ``x``, ``y``, ``model`` and, if the loss needs it, ``feature``;
            for trajectories ``model`` and a function ``play()`` that returns states and goals.
        seeds: meta-training seeds; the loss with the best validation score is saved, all are reported.
        init: the loss's first parameters, as its family's ``reset_parameters`` takes them.
        initialisation: improves them before meta-training begins.
        pictures: draws more pictures for the card, by name.
        quick_iterations: outer iterations of the quick version.
        source: the text of the recipe's file, kept in the card folder.
        is_quick: whether it is the quick version of another, whose numbers mean nothing.
    """

    config: LossConfig
    training: MetaTraining | None
    evaluation: Callable[[LossConfig], Evaluation]
    example: str
    seeds: tuple[int, ...] = (0,)
    init: tuple[float, ...] = ()
    initialisation: Initialisation | None = None
    pictures: Callable[[LearnedLoss], dict[str, Figure]] | None = None
    quick_iterations: int = 5
    source: str | None = None
    is_quick: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "config", self.config.checked())

    def quick(self) -> Recipe:
        """The same in under a minute: it shows that everything works, not what the loss can do."""
        return replace(
            self,
            training=self.training and _quick_training(self.training, self.quick_iterations),
            initialisation=self.initialisation.quick() if self.initialisation else None,
            seeds=self.seeds[:1],
            is_quick=True,
            evaluation=lambda config: quick_evaluation(self.evaluation(config)),
        )

    def run(self, out: Path, *, resume: bool = False) -> Path | None:
        """Meta-train every seed, measure the best one, and write its card folder to ``out``.

        Checkpoints, logs and the setups measured so far go to a folder beside it, ``<out>.training``, and the runs of
        ordinary losses to ``baselines.training``, where other recipes find them. Both may be deleted afterwards. Under
        ``torchrun`` all processes share the meta-training and the setups of the evaluation.

        Returns:
            ``out``, or None from the other processes.

        Raises:
            OutputError: a folder cannot be written, or holds an unfinished run and ``resume`` is off.
            CheckpointError: ``resume`` finds a checkpoint of another recipe.
            RankError: another process has ended.
            MissingExtraError: matplotlib is not installed, so the card could not be drawn in the end.
        """
        import ml3zoo.plots.style  # noqa: F401

        make_folder(out.parent)
        check_replaceable(out, FILE_NAME)
        with reproducible_compute():
            with joined_ranks() as ranks:
                trained = [self._meta_train(seed, out, resume, ranks) for seed in self.seeds]
                best = min(trained, key=lambda one: one.progress.best)
                best.loss.requires_grad_(False)
                cache = best.folder.with_name(CACHE)
                if ranks.first and not resume:
                    cache.unlink(missing_ok=True)
                baselines = None if self.is_quick else out.with_name(BASELINE_RUNS)
                results = self.measure(best.loss, best.initial, cache=cache, baseline_runs=baselines, ranks=ranks)
            return self._written(best, trained, results, out) if ranks.first else None

    def _meta_train(self, seed: int, out: Path, resume: bool, ranks: Ranks) -> _Trained:
        folder = make_folder(out.with_name(f"{out.name}.training") / f"seed-{seed}")
        if not resume and ranks.first and is_unfinished(folder):
            raise OutputError(
                f"an unfinished meta-training lies in {folder}. Go on with it (--resume), or delete that folder to "
                "start anew."
            )
        began = time.monotonic()
        initial = self.initial_loss(seed)
        if self.training is None:
            return _Trained(seed, folder, None, initial, Progress(), 0.0)
        minutes = (time.monotonic() - began) / 60
        loss = copy.deepcopy(initial)
        progress = meta_train(loss, replace(self.training, seed=seed), folder, resume=resume, ranks=ranks)
        return _Trained(seed, folder, initial.requires_grad_(False), loss, progress, minutes + progress.minutes)

    def _written(self, best: _Trained, trained: list[_Trained], results: Results, out: Path) -> Path:
        """The card folder; what fails now costs no training."""
        try:
            return self._write(best, trained, results, out)
        except Ml3zooError:
            raise
        except Exception as error:
            raise OutputError(
                f"{out} could not be written ({type(error).__name__}: {error}). All that was trained and measured is "
                f"in {best.folder.parent}: correct that and go on with --resume."
            ) from error

    def _write(self, best: _Trained, trained: list[_Trained], results: Results, out: Path) -> Path:
        provenance = self._provenance(best, sum(one.minutes for one in trained))
        best.loss.config = self.config.replace(provenance=provenance)
        results = results.replace(
            cost=measure_cost(best.loss, self.evaluation(self.config).cost_sizes),
            seeds=tuple(SeedResult(one.seed, self._figure(one, best, results)) for one in trained),
            quick=self.is_quick,
            example=self.example,
            meta_training=parse(tuple[MetaTrainingRecord, ...], read_log(best.folder), "the log", REMEDY),
        )
        return write_card(best.loss, results, out, recipe=self.source, pictures=self.pictures)

    def fresh_loss(self, seed: int) -> LearnedLoss:
        """The loss with its first parameters."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            loss = build_loss(self.config)
            loss.reset_parameters(self.init)
        return loss

    def initial_loss(self, seed: int) -> LearnedLoss:
        """The loss that meta-training starts from."""
        loss = self.fresh_loss(seed)
        if self.initialisation and self.training:
            self.initialisation(loss, self.training.training_configs, seed)
        return loss

    def measure(
        self,
        loss: LearnedLoss,
        initial: LearnedLoss | None = None,
        *,
        cache: Path | None = None,
        baseline_runs: Path | None = None,
        ranks: Ranks | None = None,
    ) -> Results:
        """Measure a loss by the recipe's protocol; the minutes leave out what the caches held already."""
        started = time.monotonic()
        evaluation = self.evaluation(loss.config)
        results = evaluate(loss, evaluation, initial, cache=cache, baseline_runs=baseline_runs, ranks=ranks)
        return results.replace(evaluation_minutes=round((time.monotonic() - started) / 60, 1))

    def _figure(self, one: _Trained, best: _Trained, results: Results) -> Interval:
        """Metric of a seed's loss, used as in the headline of the best one's results."""
        if not results.rankings:
            return self.at_recommended(one.loss)
        return swapped_in(results) if one is best else measure_another(one.loss, self.evaluation(self.config), results)

    def at_recommended(self, loss: LearnedLoss) -> Interval:
        """Metric on the first setup's test tasks at the recommended learning rate."""
        evaluation = self.evaluation(self.config)
        setup = evaluation.setups[0]
        run = InnerRun(setup.optimizer, self.config.inner.lr, setup.steps)
        method = Method.of(loss, setup.tasks, setup.optimizer, cap=evaluation.metric.cap, compiled=evaluation.compiled)
        return bootstrap(method.measure(run, evaluation.test_tasks, 100, "test").final)

    def _provenance(self, best: _Trained, minutes: float) -> Provenance:
        return Provenance(
            recipe=self.config.name,
            seed=best.seed,
            ml3zoo=__version__,
            torch=str(torch.__version__),
            commit=_commit(),
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            meta_iterations=best.progress.iteration,
            meta_minutes=round(minutes, 1),
        )


@dataclass(frozen=True)
class _Trained:
    """What one seed of a meta-training gave; ``minutes`` includes the initialisation."""

    seed: int
    folder: Path
    initial: LearnedLoss | None
    loss: LearnedLoss
    progress: Progress
    minutes: float


def _quick_training(training: MetaTraining, iterations: int) -> MetaTraining:
    few = min(training.tasks, _QUICK_TASKS)
    return replace(training, iterations=iterations, tasks=few, validation_tasks=_QUICK_TASKS, compiled=False)


def quick_evaluation(evaluation: Evaluation) -> Evaluation:
    """The protocol's first setup alone, with few tasks, few learning rates and one baseline."""
    return replace(
        evaluation,
        setups=evaluation.setups[:1],
        grid=evaluation.grid[2::3] if len(evaluation.grid) > 2 else evaluation.grid,
        growth=0,
        baselines=evaluation.baselines[:1],
        validation_tasks=4,
        test_tasks=8,
        seeds=1,
        cost_sizes=evaluation.cost_sizes[:1],
        compiled=False,
    )


def _commit() -> str | None:
    """That of ml3zoo's own repository; None where it is installed, be it inside of another repository."""
    root = Path(__file__).resolve().parents[2]
    top = _git(root, "rev-parse", "--show-toplevel")
    return _git(root, "rev-parse", "HEAD") if top is not None and Path(top).resolve() == root else None


def _git(folder: Path, *words: str) -> str | None:
    """What git says of a folder, whatever repository it was told to work in; None if nothing."""
    told = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    try:
        command = ["git", "-C", str(folder), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, env=told).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None

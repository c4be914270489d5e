"""The outer loop of meta-training: updates, validation, checkpoints."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ml3zoo.errors import InputError
from ml3zoo.meta.agents import Run
from ml3zoo.meta.checkpoint import load_checkpoint, read_header, save_checkpoint
from ml3zoo.meta.estimators import Estimate, Estimator, MetaProblem, Objective
from ml3zoo.meta.identity import Identity, identity_of
from ml3zoo.meta.inner import expand
from ml3zoo.meta.interruption import Interrupted, Interruption, interruption
from ml3zoo.meta.log import Log
from ml3zoo.meta.progress import progress_bar
from ml3zoo.meta.ranks import Ranks
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors

CHECKPOINT = "checkpoint.safetensors"
_VALIDATION_SEED = 1


@dataclass(frozen=True)
class TrainingConfig:
    """One way of training networks that a loss is meta-trained for.

    Attributes:
        family: of the tasks.
        run: how networks are trained on them.
        weight: how often it is drawn, relative to other training configs.
    """

    family: TaskFamily
    run: Run
    weight: float = 1.0


@dataclass(frozen=True)
class MetaTraining:
    """Everything that decides how a loss is meta-trained.

    Attributes:
        training_configs: the mixture of networks, optimisers, learning rates, horizons and data that it is trained on.
        estimator: of the meta-gradient.
        iterations: updates of the loss, at most.
        tasks: number of tasks in a batch.
        lr: of Adam, at its highest.
        seed: of all randomness.
        mix: number of training configs in each update, drawn by their weights.
        warmup: iterations over which the rate rises to ``lr``.
        final_lr: share of ``lr`` at the end of the cosine decay; 1 for a constant rate.
        clip: largest norm of an update's meta-gradient.
        lr_jitter: each task multiplies the inner learning rate by exp(U[-jitter, jitter]).
        tuned_for: makes an ordinary loss. Each task then has that of a few such learning rates at which this loss does
            best by the selection metric: the one it is swapped in at.
        average: decay of the running average of the loss parameters, which is validated and returned; 0 for none.
        keep_best: return the best validated parameters, else the last.
        validate_every: iterations between validations.
        validation_tasks: number of tasks of each training config.
        validation: the meta-objective of validation.
        patience: stop after this many validations without a new best; 0 for never.
        restart_margin: go back to the best parameters, at half the rate, if a validation is worse than the best by more
            than this.
        compiled: run the inner steps through ``torch.compile``.
    """

    training_configs: tuple[TrainingConfig, ...]
    estimator: Estimator
    iterations: int
    tasks: int
    lr: float
    seed: int = 0
    mix: int = 1
    warmup: int = 0
    final_lr: float = 0.1
    clip: float = 1.0
    lr_jitter: float = 0.0
    tuned_for: Callable[[], nn.Module] | None = None
    average: float = 0.0
    keep_best: bool = True
    validate_every: int = 25
    validation_tasks: int = 32
    validation: Objective = Objective()
    patience: int = 0
    restart_margin: float = math.inf
    compiled: bool = False

    def rate(self, iteration: int) -> float:
        """Adam's learning rate at an iteration, from 0."""
        warm = min(1.0, (iteration + 1) / (self.warmup + 1))
        cosine = 0.5 * (1 + math.cos(math.pi * iteration / self.iterations))
        return self.lr * warm * (self.final_lr + (1 - self.final_lr) * cosine)


@dataclass
class Progress:
    """The state of a meta-training, but for its tensors.

    Attributes:
        iteration: number of updates so far.
        validated: iteration of the last validation.
        seconds: of work so far.
        best, best_iteration: the best validation and its iteration.
        waiting: number of validations since the best.
        restarts: number of returns to the best parameters.
        stopped: why it has ended; empty while it has not.
    """

    iteration: int = 0
    validated: int = -1
    seconds: float = 0.0
    best: float = math.inf
    best_iteration: int = 0
    waiting: int = 0
    restarts: int = 0
    stopped: str = ""

    @property
    def minutes(self) -> float:
        """Of work so far."""
        return self.seconds / 60


def meta_train(
    loss: nn.Module, training: MetaTraining, folder: Path, *, resume: bool = False, ranks: Ranks | None = None
) -> Progress:
    """Meta-train ``loss`` and leave the best parameters in it.

    Writes ``checkpoint.safetensors`` and ``log.jsonl`` into ``folder`` at every validation. A resumed run ends
    bit-identical to one that was never interrupted.

    Args:
        loss: a learned loss; its parameters are the starting point.
        training: how it is meta-trained.
        folder: where checkpoint and log go; it must exist.
        resume: continue from the checkpoint in ``folder`` if there is one.
        ranks: the processes that share the work; this one alone if not given.

    Raises:
        CheckpointError: the checkpoint is damaged or belongs to another recipe or version.
        InputError: there are fewer tasks than processes.
        RankError: another process has ended.
        Interrupted: the user asked to stop; what is needed to resume was saved.
    """
    run = _MetaTrainingRun(loss, training, folder, ranks or Ranks())
    return run(resume=resume)


def is_unfinished(folder: Path) -> bool:
    """Whether a meta-training in ``folder`` was interrupted and could be resumed."""
    header = read_header(folder / CHECKPOINT)
    return header is not None and not header["stopped"]


def identity(loss: nn.Module, training: MetaTraining, learned: Sequence[Tensors] | None = None) -> Identity:
    """What decides a meta-training; only an equal one may go on from its checkpoint.

    Args:
        loss: its config counts, but for its summary, and not its weights.
        training: all of it counts, with the code of a user's own families, objectives and ordinary losses.
        learned: by each task family before meta-training; what the families hold now if not given.
    """
    found = identity_of(
        loss=getattr(loss, "config", loss),
        training=training,
        learned=_learned(training) if learned is None else learned,
    )
    found.values.pop("loss.summary", None)
    return found


def _learned(training: MetaTraining) -> list[Tensors]:
    """What each task family learned before meta-training."""
    return [training_config.family.learned() for training_config in training.training_configs]


class _MetaTrainingRun:
    """A running meta-training: everything that a checkpoint holds, and the updates of it."""

    def __init__(self, loss: nn.Module, training: MetaTraining, folder: Path, ranks: Ranks) -> None:
        if min(training.tasks, training.validation_tasks) < ranks.world:
            raise InputError(
                f"{ranks.world} processes cannot share {min(training.tasks, training.validation_tasks)} tasks: start "
                "fewer processes, or give the recipe more tasks."
            )
        self.loss, self.training, self.ranks = loss.to(ranks.device), training, ranks
        self._move_learned(ranks.device)
        self.path, self.folder = folder / CHECKPOINT, folder
        self.identity = identity(loss, training)
        self.generator = torch.Generator().manual_seed(training.seed)
        self.phi = {name: p.detach().clone().requires_grad_() for name, p in loss.named_parameters()}
        self.adam = torch.optim.Adam(list(self.phi.values()), lr=training.lr)
        self.average, self.best = _copies(self.phi), _copies(self.phi)
        self.estimator_state: list[Tensors] = [{} for _ in training.training_configs]
        self.progress = Progress()
        self.problems = [self._problem(training_config) for training_config in training.training_configs]
        self.validation = Validation(self.problems, training)
        self.weights = torch.tensor([training_config.weight for training_config in training.training_configs])

    def __call__(self, *, resume: bool) -> Progress:
        if resume and self.path.exists():
            self._restore()
        log = Log(self.folder, self.progress.validated + 1) if self.ranks.first else None
        started = time.monotonic() - self.progress.seconds
        progress, recent = self.progress, list[Estimate]()
        with (
            interruption() as interrupted,
            progress_bar("meta-training", self.training.iterations, shown=self.ranks.first) as advance,
        ):
            while True:
                if self._is_due():
                    record = self._validated(recent)
                    progress.seconds = time.monotonic() - started
                    if log is not None:
                        log.write(record | {"seconds": round(progress.seconds, 2)})
                    recent.clear()
                    self._save()
                if progress.stopped:
                    break
                recent += self._update()
                progress.iteration += 1
                progress.seconds = time.monotonic() - started
                advance(progress.iteration, _note(recent[-1], progress))
                if self._asked(interrupted):
                    self._save()
                    raise Interrupted
        with torch.no_grad():
            for name, p in self.loss.named_parameters():
                p.copy_(self.best[name])
        self.loss.cpu()
        self._move_learned(torch.device("cpu"))
        return self.progress

    def _move_learned(self, device: torch.device) -> None:
        """What task families learned is moved before steps are traced: within them nothing can move."""
        for training_config in self.training.training_configs:
            training_config.family.move(device)

    def _problem(self, training_config: TrainingConfig) -> MetaProblem:
        training = self.training
        run, family = training_config.run, training_config.family
        step = run.step(self.loss, family, compiled=training.compiled)
        ordinary = training.tuned_for and run.step(training.tuned_for(), family, compiled=training.compiled)
        return MetaProblem(step, run, family, training.tasks, training.lr_jitter, self.ranks, ordinary)

    def _is_due(self) -> bool:
        iteration = self.progress.iteration
        due = iteration % self.training.validate_every == 0 or iteration == self.training.iterations
        return due and self.progress.validated != iteration

    def _update(self) -> list[Estimate]:
        """One update of the loss."""
        phi = {name: p.detach() for name, p in self.phi.items()}
        estimates = []
        for _ in range(self.training.mix):
            drawn = int(torch.multinomial(self.weights, 1, generator=self.generator))
            estimate = self.training.estimator(self.problems[drawn], phi, self.estimator_state[drawn], self.generator)
            self.estimator_state[drawn] = estimate.estimator_state
            estimates.append(estimate)
        for name, p in self.phi.items():
            p.grad = torch.stack([estimate.gradient[name] for estimate in estimates]).mean(0)
        torch.nn.utils.clip_grad_norm_(list(self.phi.values()), self.training.clip)
        rate = self.training.rate(self.progress.iteration) * 0.5**self.progress.restarts
        self.adam.param_groups[0]["lr"] = rate
        self.adam.step()
        for name, p in self.phi.items():
            self.average[name].lerp_(p.detach(), 1 - self.training.average)
        return estimates

    def _validated(self, recent: list[Estimate]) -> dict[str, object]:
        """Validate, note a new best or restart or stop, and return the record for the log."""
        progress, training = self.progress, self.training
        objective, each = self.validation(self.average)
        progress.validated = progress.iteration
        progress.waiting += 1
        if objective < progress.best or not training.keep_best:
            progress.best, progress.best_iteration, progress.waiting = objective, progress.iteration, 0
            self.best = _copies(self.average)
        elif not objective <= progress.best + training.restart_margin:
            self._restart()
        if progress.iteration >= training.iterations:
            progress.stopped = "all iterations done"
        elif training.patience and progress.waiting >= training.patience:
            progress.stopped = f"no better in {training.patience} validations"
        return {
            "iteration": progress.iteration,
            "objective": _mean([estimate.objective for estimate in recent]),
            "diverged": _mean([estimate.diverged for estimate in recent]),
            "validation": objective,
            "training_configs": each,
            "best": progress.best,
            "best_iteration": progress.best_iteration,
            "restarts": progress.restarts,
            "stopped": progress.stopped,
        }

    def _restart(self) -> None:
        """Continue from the best parameters at half the rate."""
        self.progress.restarts += 1
        self.average = _copies(self.best)
        self.estimator_state = [{} for _ in self.estimator_state]
        self.adam.state.clear()
        with torch.no_grad():
            for name, p in self.phi.items():
                p.copy_(self.best[name])

    def _asked(self, interrupted: Interruption) -> bool:
        """Whether any process was asked to stop."""
        asked = torch.tensor([float(interrupted.asked)], device=self.ranks.device)
        return self.ranks.weighted_mean({"asked": asked}, 1)["asked"].item() > 0

    def _save(self) -> None:
        """Write the checkpoint: the first rank writes, all ranks contribute."""
        parts = {"phi": self.phi, "average": self.average, "best": self.best}
        tensors = {f"{part}.{k}": v for part, values in parts.items() for k, v in values.items()}
        for name, p in self.phi.items():
            tensors |= {f"adam.{key}.{name}": value for key, value in self.adam.state.get(p, {}).items()}
        for index, estimator_state in enumerate(self.estimator_state):
            gathered = self.ranks.gather(estimator_state, self.training.tasks)
            tensors |= {f"estimator_state.{index}.{name}": value for name, value in gathered.items()}
        for index, learned in enumerate(_learned(self.training)):
            tensors |= {f"learned.{index}.{name}": value.detach().clone() for name, value in learned.items()}
        tensors["generator"] = self.generator.get_state()
        if self.ranks.first:
            save_checkpoint(self.path, self.identity, asdict(self.progress), tensors)

    def _restore(self) -> None:
        header, tensors = load_checkpoint(self.path, self._identity_with)
        self.progress = Progress(**header)
        mine = self.ranks.share(self.training.tasks)
        device = self.ranks.device
        parts = _parts(tensors)
        self.generator.set_state(parts["generator"][""])
        self.identity = self._identity_with(tensors)
        with torch.no_grad():
            for ours, saved in zip(_learned(self.training), self._saved_learned(tensors), strict=True):
                for name, value in saved.items():
                    ours[name].copy_(value)
            for name, p in self.phi.items():
                p.copy_(parts["phi"][name])
                self.average[name].copy_(parts["average"][name])
                self.best[name].copy_(parts["best"][name])
        for full, value in parts.get("adam", {}).items():
            key, _, name = full.partition(".")
            self.adam.state[self.phi[name]][key] = value if key == "step" else value.to(device)
        for full, value in parts.get("estimator_state", {}).items():
            index, _, name = full.partition(".")
            self.estimator_state[int(index)][name] = value[mine].to(device)

    def _identity_with(self, tensors: Tensors) -> Identity:
        """The identity, had the task families learned what a checkpoint holds."""
        return identity(self.loss, self.training, self._saved_learned(tensors))

    def _saved_learned(self, tensors: Tensors) -> list[Tensors]:
        """What a checkpoint holds of each task family."""
        saved = _parts(_parts(tensors).get("learned", {}))
        return [saved.get(str(index), {}) for index in range(len(self.training.training_configs))]


class Validation:
    """The meta-objective on fixed validation tasks of every training config, the same for all seeds.

    Args:
        problems: one for each training config.
        training: gives the weights of the training configs and the number of tasks.
    """

    def __init__(self, problems: list[MetaProblem], training: MetaTraining) -> None:
        self.problems, self.training = problems, training
        self.tasks = [self._sample(problem) for problem in problems]

    def __call__(self, phi: Tensors) -> tuple[float, list[float]]:
        """The weighted mean meta-objective of loss parameters, and the mean true objective of each training config."""
        total, each = 0.0, []
        objective = self.training.validation
        for problem, (tasks, lr), training_config in zip(
            self.problems, self.tasks, self.training.training_configs, strict=True
        ):
            n = len(lr)
            detached = {name: p.detach() for name, p in phi.items()}
            trained = problem.run(problem.step, expand(detached, n), tasks, lr=lr)
            value = problem.value(trained, tasks.data, exact=objective.exact)
            shown = value.nan_to_num(objective.cap).clamp(max=objective.cap)
            mean = problem.ranks.weighted_mean({"meta_objective": objective(value).mean(), "shown": shown.mean()}, n)
            total += training_config.weight * mean["meta_objective"].item()
            each.append(mean["shown"].item())
        return total / sum(training_config.weight for training_config in self.training.training_configs), each

    def _sample(self, problem: MetaProblem) -> tuple[Tasks, Tensor]:
        generator = torch.Generator().manual_seed(_VALIDATION_SEED)
        return problem.draw(generator, self.training.validation_tasks, "valid", jitter=0.0)


def _parts(tensors: Tensors) -> dict[str, Tensors]:
    """Tensors named ``part.name``, by part and name."""
    parts: dict[str, Tensors] = {}
    for full, value in tensors.items():
        part, _, name = full.partition(".")
        parts.setdefault(part, {})[name] = value
    return parts


def _copies(phi: Tensors) -> Tensors:
    """Detached copies."""
    return {name: p.detach().clone() for name, p in phi.items()}


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _note(estimate: Estimate, progress: Progress) -> str:
    diverged = f", {estimate.diverged:.0%} diverged" if estimate.diverged else ""
    return f"objective {estimate.objective:.3f}{diverged}, best validation {progress.best:.3f}"

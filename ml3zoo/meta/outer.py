"""The outer loop: from a fresh loss to a meta-trained one."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.func import vmap

from ml3zoo.meta.checkpoint import load_checkpoint, save_checkpoint
from ml3zoo.meta.estimators import Estimator, Objective, count, expand
from ml3zoo.meta.inner import InnerRun
from ml3zoo.progress import progress_bar
from ml3zoo.tasks.base import Split, TaskFamily, Tensors


@dataclass(frozen=True)
class Setting:
    """One way of training that the loss must be good at, and how often it is met."""

    family: TaskFamily
    run: InnerRun
    weight: float = 1.0


@dataclass(frozen=True)
class MetaTraining:
    """Everything that decides how a loss is meta-trained."""

    settings: tuple[Setting, ...]
    estimator: Estimator
    iterations: int
    tasks: int
    lr: float
    seed: int = 0
    final_lr: float = 0.1
    """Share of ``lr`` that is left at the end of the cosine decay; 1 for a constant rate."""
    clip: float = 1.0
    lr_jitter: float = 0.0
    """Each iteration multiplies the inner learning rate by exp(U[-jitter, jitter])."""
    validate_every: int = 25
    validation_tasks: int = 32
    average: float = 0.0
    """Decay of the running average of the loss parameters, which is what is validated and kept; 0 for none."""
    keep_best: bool = True
    validation: Objective = Objective()

    @property
    def fingerprint(self) -> str:
        """Identifies this meta-training: equal settings, equal fingerprint."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True)
class Outcome:
    """What a meta-training ended with."""

    best: float
    best_iteration: int
    minutes: float


def meta_train(loss: nn.Module, training: MetaTraining, folder: Path, *, resume: bool = False) -> Outcome:
    """Meta-train ``loss`` and leave the best parameters in it.

    Writes ``checkpoint.safetensors`` and ``log.jsonl`` into ``folder`` at every validation. A resumed run ends
    bit-identical to one that was never interrupted.

    Args:
        loss: a learned loss; its parameters are the starting point.
        training: the settings.
        folder: where checkpoint and log go; it must exist.
        resume: go on from the checkpoint in ``folder`` if there is one.

    Raises:
        CheckpointError: the checkpoint is damaged or belongs to another recipe.
    """
    generator = torch.Generator().manual_seed(training.seed)
    phi = {name: p.detach().clone().requires_grad_() for name, p in loss.named_parameters()}
    adam = torch.optim.Adam(list(phi.values()), lr=training.lr)
    average, best = (_copies(phi) for _ in range(2))
    progress: dict[str, Any] = {"iteration": 0, "seconds": 0.0, "best": math.inf, "best_iteration": 0}
    checkpoint, log = folder / "checkpoint.safetensors", folder / "log.jsonl"
    if resume and checkpoint.exists():
        progress, tensors = load_checkpoint(checkpoint, training.fingerprint)
        _restore(tensors, phi, average, best, adam, generator)
        _truncate(log, progress["iteration"])
    else:
        log.unlink(missing_ok=True)
    weights = torch.tensor([setting.weight for setting in training.settings])
    started = time.monotonic() - progress["seconds"]
    recent: list[float] = []
    with progress_bar("meta-training", training.iterations) as advance:
        for iteration in range(progress["iteration"], training.iterations + 1):
            if iteration % training.validate_every == 0 or iteration == training.iterations:
                score, each = validate(loss, average, training)
                if score < progress["best"] or not training.keep_best:
                    progress |= {"best": score, "best_iteration": iteration}
                    best = _copies(average)
                progress |= {"iteration": iteration, "seconds": time.monotonic() - started}
                _log(log, progress, score, each, sum(recent) / len(recent) if recent else None)
                recent.clear()
                _save(checkpoint, training.fingerprint, progress, phi, average, best, adam, generator)
            if iteration == training.iterations:
                break
            setting = training.settings[int(torch.multinomial(weights, 1, generator=generator))]
            jitter = training.lr_jitter * (2 * torch.rand((), generator=generator).item() - 1)
            run = replace(setting.run, lr=setting.run.lr * math.exp(jitter))
            tasks = setting.family.sample(generator, training.tasks, "train")
            detached = {name: p.detach() for name, p in phi.items()}
            estimate = training.estimator(loss, detached, run, setting.family, tasks, generator)
            for name, p in phi.items():
                p.grad = estimate.gradient[name]
            torch.nn.utils.clip_grad_norm_(list(phi.values()), training.clip)
            adam.param_groups[0]["lr"] = _decayed(training, iteration)
            adam.step()
            for name, p in phi.items():
                average[name].lerp_(p.detach(), 1 - training.average)
            recent.append(estimate.objective)
            advance(iteration + 1, f"objective {estimate.objective:.3f}, best {progress['best']:.3f}")
    with torch.no_grad():
        for name, p in loss.named_parameters():
            p.copy_(best[name])
    return Outcome(progress["best"], progress["best_iteration"], progress["seconds"] / 60)


def validate(
    loss: nn.Module, phi: Tensors, training: MetaTraining, split: Split = "valid"
) -> tuple[float, list[float]]:
    """The weighted mean meta-objective on fixed tasks of a split, and the mean true objective per setting."""
    total, each = 0.0, []
    for setting in training.settings:
        generator = torch.Generator().manual_seed(training.seed + 1)
        tasks = setting.family.sample(generator, training.validation_tasks, split)
        detached = {name: p.detach() for name, p in phi.items()}
        params = setting.run(loss, expand(detached, count(tasks)), setting.family, tasks)
        with torch.no_grad():
            value = vmap(setting.family.objective)(params, tasks.data)
        total += setting.weight * training.validation(value).mean().item()
        each.append(value.nan_to_num(training.validation.cap).clamp(max=training.validation.cap).mean().item())
    return total / sum(setting.weight for setting in training.settings), each


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The records of a meta-training, one per validation."""
    return [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]


def _copies(phi: Tensors) -> Tensors:
    """Detached copies."""
    return {name: p.detach().clone() for name, p in phi.items()}


def _decayed(training: MetaTraining, iteration: int) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * iteration / training.iterations))
    return training.lr * (training.final_lr + (1 - training.final_lr) * cosine)


def _log(log: Path, progress: dict[str, Any], score: float, each: list[float], objective: float | None) -> None:
    record = {
        "iteration": progress["iteration"],
        "seconds": round(progress["seconds"], 2),
        "objective": objective,
        "validation": score,
        "settings": each,
        "best_iteration": progress["best_iteration"],
    }
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def _truncate(log: Path, iteration: int) -> None:
    """Drop records written after the checkpoint that is resumed from."""
    if log.exists():
        lines = log.read_text(encoding="utf-8").splitlines(keepends=True)
        log.write_text("".join(line for line in lines if json.loads(line)["iteration"] < iteration), encoding="utf-8")


def _save(
    path: Path,
    fingerprint: str,
    progress: dict[str, Any],
    phi: Tensors,
    average: Tensors,
    best: Tensors,
    adam: torch.optim.Adam,
    generator: torch.Generator,
) -> None:
    parts = {"phi": phi, "average": average, "best": best}
    tensors = {f"{part}.{k}": v for part, values in parts.items() for k, v in values.items()}
    for name, p in phi.items():
        for key, value in adam.state.get(p, {}).items():
            tensors[f"adam.{key}.{name}"] = value
    tensors["generator"] = generator.get_state()
    save_checkpoint(path, fingerprint, progress, tensors)


def _restore(
    tensors: Tensors,
    phi: Tensors,
    average: Tensors,
    best: Tensors,
    adam: torch.optim.Adam,
    generator: torch.Generator,
) -> None:
    with torch.no_grad():
        for name, p in phi.items():
            p.copy_(tensors[f"phi.{name}"])
            average[name] = tensors[f"average.{name}"]
            best[name] = tensors[f"best.{name}"]
            state = {
                k: tensors[f"adam.{k}.{name}"]
                for k in ("step", "exp_avg", "exp_avg_sq")
                if f"adam.{k}.{name}" in tensors
            }
            if state:
                adam.state[p] = state
    generator.set_state(tensors["generator"])

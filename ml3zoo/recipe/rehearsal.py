"""A recipe tried out on two tasks for two steps, before hours of work rest on it."""

from __future__ import annotations

import ast
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import torch
from torch import nn
from torch.func import vmap
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from ml3zoo.errors import InputError, MissingPackageError
from ml3zoo.evaluate import Evaluation, Method
from ml3zoo.evaluate.measure import measure_setup
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.agents import AgentRun, Run
from ml3zoo.meta.estimators import MetaProblem
from ml3zoo.meta.inner import expand
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe.recipe import Recipe
from ml3zoo.tasks.base import TaskFamily, Tasks, Tensors
from ml3zoo.zoo.store import save_loss, verify

_TASKS = 2
_STEPS = 2


def rehearse(recipe: Recipe) -> None:
    """Try all that a recipe's run will need, with the loss as it is before meta-training.

    That is: every training config, the first setup under every ordinary loss and under the learned one, what is
    written of it, the golden tensors, the recipe's own pictures and the card's snippet.

    Raises:
        InputError: something of the recipe does not work; it is named.
    """
    with _trying("the loss"):
        loss = recipe.fresh_loss(recipe.seeds[0]).requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        with _trying("the golden values of its loss"):
            verify(save_loss(loss, Path(folder) / "loss"))
        if recipe.training is not None:
            _rehearse_training(loss, recipe.training)
        with _trying("the evaluation"):
            evaluation = recipe.evaluation(recipe.config)
        _rehearse_evaluation(loss, evaluation)
        if recipe.pictures is not None:
            from ml3zoo.plots.style import save_figures

            with _trying("the pictures"):
                save_figures(recipe.pictures(loss), Path(folder))
    with _trying("the example for the card"):
        ast.parse(recipe.example)


def _rehearse_training(loss: LearnedLoss, training: MetaTraining) -> None:
    """A run of every training config; of each kind of family also an estimate of the meta-gradient."""
    if not training.training_configs:
        raise InputError("this recipe cannot be run: it has no training configs, at least one was expected.")
    estimated: set[type[TaskFamily]] = set()
    for number, each in enumerate(training.training_configs, 1):
        with _trying(f"training config {number}", each.family):
            problem = _problem(loss, training, each)
            generator = torch.Generator().manual_seed(0)
            phi = {name: p.detach() for name, p in loss.named_parameters()}
            if type(each.family) not in estimated:
                estimated.add(type(each.family))
                training.estimator(problem, phi, {}, generator)
            tasks, lr = problem.draw(generator, _TASKS, "valid", 0.0)
            trained = problem.run(problem.step, expand(phi, _TASKS), tasks, lr=lr)
            _check_scalars(each.family, trained, tasks)


def _check_scalars(family: TaskFamily, trained: Tensors, tasks: Tasks) -> None:
    """What is measured of a task is one number.

    Raises:
        InputError: it is not.
    """
    for measure in (family.objective, family.metric, family.selection_metric):
        shape = tuple(vmap(measure)(trained, tasks.data).shape[1:])
        if shape:
            raise InputError(
                f"{measure.__name__}() gives numbers of shape {shape} for a task: a scalar was expected, such as their "
                "mean"
            )


def _problem(loss: LearnedLoss, training: MetaTraining, each: TrainingConfig) -> MetaProblem:
    run = _short(each.run)
    ordinary = training.tuned_for and run.step(training.tuned_for(), each.family)
    return MetaProblem(
        run.step(loss, each.family), run, each.family, _TASKS, lr_jitter=training.lr_jitter, ordinary=ordinary
    )


def _rehearse_evaluation(loss: LearnedLoss, evaluation: Evaluation) -> None:
    """The first setup under every loss; the families of the others are looked at."""
    for each in evaluation.setups:
        with _trying(f"the setup {str(each)!r}", each.tasks):
            _check_hash(each.tasks)
            _check_hash(each.baseline_tasks)
    setup = evaluation.setups[0]
    run = _short(setup.run(setup.lr, evaluation.schedules[0] if setup.schedule == "tuned" else setup.schedule))
    with _trying(f"the learned loss in the setup {str(setup)!r}", setup.tasks):
        Method.of(loss, setup.tasks, setup.optimizer).measure(run, _TASKS, 1, "test")
    for baseline in evaluation.baselines:
        hyper = f", {baseline.hyper}" if baseline.hyper else ""
        with _trying(f"the baseline {baseline.name!r}{hyper} in the setup {str(setup)!r}", setup.baseline_tasks):
            Method.of(baseline.make(), setup.baseline_tasks, setup.optimizer).measure(run, _TASKS, 1, "valid")
    with _trying("its results"):
        tiny = replace(
            evaluation,
            setups=(setup,),
            baselines=evaluation.baselines[:1],
            grid=evaluation.grid[:1],
            growth=0,
            schedules=evaluation.schedules[:1],
            validation_tasks=_TASKS,
            test_tasks=_TASKS,
            seeds=1,
            compiled=False,
        )
        short = replace(setup, steps=run.steps, agents=run if isinstance(run, AgentRun) else None)
        msgspec.json.encode((evaluation.metric.describe(), evaluation.describe(), measure_setup(loss, short, tiny)))


def _short(run: Run) -> Run:
    return replace(run, updates=1, epochs=1) if isinstance(run, AgentRun) else replace(run, steps=_STEPS)


def _check_hash(family: TaskFamily) -> None:
    """Runs are looked up by their family.

    Raises:
        InputError: it cannot be looked up.
    """
    try:
        hash(family)
    except TypeError as error:
        raise InputError(
            f"{type(family).__name__} cannot be looked up ({error}): write @dataclass(frozen=True, eq=False), or hold "
            "tuples in the place of lists and arrays"
        ) from error


@contextmanager
def _trying(what: str, family: TaskFamily | None = None) -> Iterator[None]:
    """Name what does not work, and the layers of a family's networks that cannot."""
    try:
        yield
    except MissingPackageError:
        raise
    except Exception as error:
        layers = "" if family is None or isinstance(error, InputError) else _unsuitable(family, error)
        said = str(error).removesuffix(".") if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        on = "" if family is None else f", tried on {_TASKS} tasks of {type(family).__name__}"
        raise InputError(
            f"this recipe cannot be run: {what}{on}: {said}{layers}. Nothing was trained yet: correct the recipe and "
            "run it again."
        ) from error


def _unsuitable(family: TaskFamily, error: Exception) -> str:
    """What is known of layers with which runs side by side fail."""
    networks = {name: each for name, each in vars(family).items() if isinstance(each, nn.Module)}
    layers = [(f"{network}.{name}", each) for network, of in networks.items() for name, each in of.named_modules()]
    found = [
        f"{name} is {type(each).__name__}: it draws at random, for which networks side by side have no generator; "
        "build them without, or with p=0"
        for name, each in layers
        if isinstance(each, _DropoutNd) and each.p and each.training
    ]
    found += [
        f"{name} is {type(each).__name__}: its running statistics must be among Tasks.buffers (Optimizee.buffers gives "
        "them) and num_batches_tracked must be None (Optimizee.skeleton does that); or take nn.LayerNorm"
        for name, each in layers
        if isinstance(each, _NormBase) and each.track_running_stats and each.training
    ]
    if not found and "randomness" in str(error):
        found = ["it draws at random, for which networks side by side have no generator; draw in sample()"]
    return "".join(f"; {each}" for each in found[:2])

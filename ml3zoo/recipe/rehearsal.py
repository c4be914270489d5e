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
from torch import Tensor, nn
from torch.func import vmap
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from ml3zoo.errors import InputError, IntegrityError, MissingPackageError, Ml3zooError
from ml3zoo.evaluate import Evaluation, Method
from ml3zoo.evaluate.measure import measure_setup
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.agents import AgentRun, Run
from ml3zoo.meta.estimators import MetaProblem
from ml3zoo.meta.inner import expand
from ml3zoo.meta.outer import MetaTraining, TrainingConfig
from ml3zoo.recipe.recipe import Recipe
from ml3zoo.tasks.base import TaskFamily, Tasks
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
            _check_golden(loss, Path(folder) / "loss")
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


def _check_golden(loss: LearnedLoss, folder: Path) -> None:
    """See that a loss passes its own check.

    Raises:
        InputError: it does not.
    """
    try:
        verify(save_loss(loss, folder))
    except IntegrityError as error:
        said = str(error).removeprefix(f"{folder}/").removesuffix(" Do not use it.")
        raise InputError(
            f"{said} A signal may leave the domain of its transform there: take another transform"
        ) from error


def _rehearse_training(loss: LearnedLoss, training: MetaTraining) -> None:
    """A run of every training config; of each kind of family also an estimate of the meta-gradient."""
    if not training.training_configs:
        raise InputError("this recipe cannot be run: it has no training configs, at least one was expected.")
    estimated: set[type[TaskFamily]] = set()
    for number, each in enumerate(training.training_configs, 1):
        with _trying(f"training config {number}", each.family):
            problem = _problem(loss, training, each)
            generator = torch.Generator().manual_seed(0)
            _check_tasks(each.family, problem.run.sample(each.family, generator, _TASKS, "train"))
            phi = {name: p.detach() for name, p in loss.named_parameters()}
            if type(each.family) not in estimated:
                estimated.add(type(each.family))
                training.estimator(problem, phi, {}, generator)
            tasks, lr = problem.draw(generator, _TASKS, "valid", 0.0)
            problem.run(problem.step, expand(phi, _TASKS), tasks, lr=lr)


def _check_tasks(family: TaskFamily, tasks: Tasks) -> None:
    """Tasks are tensors with a leading task axis, and what is measured of untrained networks is one finite number.

    Raises:
        InputError: they are not.
    """
    for part, tensors in tasks._asdict().items():
        for name, tensor in tensors.items():
            if not isinstance(tensor, Tensor) or tensor.shape[:1] != (_TASKS,):
                kind = type(tensor)
                got = f"of shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else ""
                raise InputError(
                    f"sample() gives Tasks.{part}[{name!r}], {got or f'a {kind.__module__}.{kind.__qualname__}'}: a "
                    f"tensor with one row for each of {_TASKS} tasks was expected"
                )
    for measure in (family.objective, family.metric, family.selection_metric):
        values = vmap(measure)({**tasks.initial, **tasks.buffers}, tasks.data)
        if values.dim() > 1:
            raise InputError(
                f"{measure.__name__}() gives numbers of shape {tuple(values.shape[1:])} for a task: a scalar was "
                "expected, such as their mean"
            )
        if not values.isfinite().any():
            raise InputError(
                f"{measure.__name__}() is {values[0].item()} for networks that are not trained: finite numbers were "
                "expected"
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
            each.run(each.lr, evaluation.schedules[0] if each.schedule == "tuned" else each.schedule)
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
        said = str(error) if isinstance(error, Ml3zooError) else f"{type(error).__name__}: {error}"
        if family is not None and not isinstance(error, Ml3zooError):
            said = _unsuitable(family, str(error)) or said
        on = "" if family is None else f", tried on {_TASKS} tasks of {type(family).__name__}"
        raise InputError(
            f"this recipe cannot be run: {what}{on}: {said.rstrip(' .')}. Nothing was trained yet: correct the recipe "
            "and run it again."
        ) from error


def _unsuitable(family: TaskFamily, error: str) -> str:
    """What is known of why runs side by side fail, in the place of what torch says; empty if nothing is."""
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
    if "randomness" in error:
        found.append("it draws at random, for which networks side by side have no generator; draw in sample()")
    if ".item()" in error or "data-dependent control flow" in error:
        found.append(
            "it turns a tensor into a number of Python, as .item(), float() and if do, which networks side by side "
            "cannot; keep to functions of torch, such as torch.where in the place of if"
        )
    return found[0] if found else ""

"""``apply_in_environment``: from a loss and an environment to a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ml3zoo.apply.counts import check_counts
from ml3zoo.apply.environment.baselines import GRID, PolicyGradient, random_search, tuned
from ml3zoo.apply.environment.evaluator import Evaluator, check_sizes
from ml3zoo.apply.environment.policies import parse_policy
from ml3zoo.apply.environment.recorder import Recorder
from ml3zoo.apply.environment.rendering import Film, film
from ml3zoo.apply.environment.report import (
    LEARNED,
    REINFORCE,
    SEARCH,
    EnvironmentMethod,
    EnvironmentReport,
    PolicyReport,
)
from ml3zoo.apply.environment.training import PolicyOutcome, Trained, train_under
from ml3zoo.apply.figures import Array
from ml3zoo.apply.table.saving import check_place
from ml3zoo.apply.verdict import MetricFormat, difference, verdict
from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig
from ml3zoo.format.environment import EnvironmentConfig
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.optimizers import optimizer_of
from ml3zoo.meta.progress import counting_bar
from ml3zoo.tasks.control.vector_env import open_vector_env, own_limit
from ml3zoo.zoo.loading import load_loss

POLICY = "64 tanh"
_RETURN = MetricFormat(metric="return", better="higher")
_DISTANCE = MetricFormat(metric="distance from the goal")


def apply_in_environment(
    name: str | Path,
    env: str,
    *,
    policy: str = POLICY,
    steps: int | None = None,
    seeds: int = 5,
    out: Path | None = None,
    record: bool = False,
) -> EnvironmentReport:
    """Train fresh policies in a Gymnasium environment under a learned loss, and by baselines at the same cost.

    Under the loss a policy takes a gradient step after each episode, by the loss's own optimiser at its recommended
    rate. Its baselines have as many episodes, and the same initial weights: REINFORCE (Williams 1992), whose learning rate
    and noise are tuned on other seeds, and a random search. All are judged by one more episode, without noise.

    Args:
        name: a trajectory loss of the zoo, or the path of its folder.
        env: id of the environment as ``gymnasium.make`` takes it, ``"Name-v0"`` or ``"module:Name-v0"``; the module is
            imported. Observations [states] and actions [actions] as the loss's config has them.
        policy: hidden layers of the policies, and the activation between them, such as ``"64-32 ReLU"``.
        steps: gradient steps, an episode each; as many as the loss was made for if not given.
        seeds: policies per method.
        out: folder for the best policy, the report and ``trajectories.png``; an earlier report there is replaced.
        record: also save ``trajectories.gif`` there: an episode before, midway and after training, as the environment
            renders it, or, where it does not, the drawing in motion.

    Returns:
        Success as a share of the policies, returns as the environment rewards, distances in units of its observations,
        and cost in environment steps.

    Raises:
        InputError: a number is out of range, ``policy`` describes no network, the loss is of another kind or tells
            nothing of its world, or the environment cannot be made, fails or does not fit the loss.
        OutputError: ``out`` cannot be written or holds something else.
        MissingExtraError: Gymnasium, MuJoCo or matplotlib is needed and not installed.
    """
    if record and out is None:
        raise InputError("a record was asked for, but no folder to save it in: an out was expected, as in --out DIR.")
    check_counts(steps, seeds)
    loss = load_loss(name, reduction="none")
    world = _world(loss.config)
    steps = steps or loss.config.inner.steps
    if out is not None:
        check_place(out, plot=True)
    opened = open_vector_env(env, seeds, world.episode_steps, like=world.id)
    with opened as vector_env, reproducible_compute():
        network = parse_policy(policy, *check_sizes(vector_env, loss, world))
        evaluator, recorder = Evaluator(vector_env, world, network), Recorder(steps)
        with counting_bar("training", (steps + 1) * (len(GRID) + 3) + 1) as note:

            def at(label: str, group: int = 0) -> Evaluator:
                return replace(evaluator, group=group, note=partial(note, label))

            def outcome(label: str, train: Callable[[Evaluator, int], Trained]) -> PolicyOutcome:
                return PolicyOutcome.of(label, train(at(label), steps), at(label), steps)

            learned = outcome(LEARNED, partial(train_under, loss, observe=recorder.keep))
            recorder.keep(steps, learned.snapshot)
            gradient = tuned(at(f"tuning {REINFORCE}", group=1), steps)
            baselines = outcome(REINFORCE, gradient.train), outcome(SEARCH, random_search)
        shown = film(env, evaluator, recorder.filmed) if record else None
        report = _report(name, env, loss.config, evaluator, steps, gradient, (learned, *baselines), shown)
        if out is not None:
            from ml3zoo.apply.environment.saving import save_environment_report

            save_environment_report(report, learned.best, evaluator, recorder, shown, out)
    return report


def _world(config: LossConfig) -> EnvironmentConfig:
    """What a loss tells of the environment it was made for."""
    if not find_problem_type(config.problem_type).acting:
        raise InputError(
            f"{config.name} is a {config.problem_type} loss; one of trajectories was expected, which environments are used "
            f"with. Run: ml3zoo apply {config.name} DATA --target COLUMN"
        )
    if config.environment is None:
        raise InputError(
            f"the config of {config.name} tells no world: its environment, what policies see there and what their goal "
            "is were expected. Use the loss in Python, or take one that tells. Run: ml3zoo list --kind trajectory"
        )
    return config.environment


def _report(
    name: str | Path,
    env: str,
    config: LossConfig,
    evaluator: Evaluator,
    steps: int,
    gradient: PolicyGradient,
    outcomes: tuple[PolicyOutcome, ...],
    shown: Film | None,
) -> EnvironmentReport:
    learned, *baselines = outcomes
    baseline, gap, by = _compared(learned, baselines)
    found = difference(gap)
    seeds = evaluator.vector_env.num_envs
    told = verdict(config.name, f"{baseline.label} (the better of {len(baselines)} baselines)", found, by, seeds)
    elsewhere = "" if env == evaluator.environment.id else f" It was made for {evaluator.environment.id}."
    start = evaluator.start(learned.snapshot.episode) + learned.foremost if evaluator.environment.one_start else None
    return EnvironmentReport(
        name=str(name),
        environment=env,
        episode_steps=evaluator.environment.episode_steps,
        own_limit=own_limit(env),
        success=evaluator.environment.success,
        starts=evaluator.environment.starts,
        network=str(evaluator.network),
        steps=steps,
        seeds=seeds,
        optimizer=str(optimizer_of(config.inner)),
        lr=config.inner.lr,
        tuned=gradient,
        methods=tuple(map(EnvironmentMethod.of, outcomes)),
        baseline=baseline.label,
        difference=found,
        verdict=told + _caveat(learned, baselines, by) + elsewhere,
        policy=PolicyReport.of(evaluator.network, evaluator.environment.observation_normaliser, start),
        film=None if shown is None else shown.told,
    )


def _compared(learned: PolicyOutcome, baselines: Sequence[PolicyOutcome]) -> tuple[PolicyOutcome, Array, MetricFormat]:
    """The best baseline, how much more the learned loss has than it, and of what: distance if that is known."""
    if learned.distances is None:
        baseline = max(baselines, key=lambda one: float(one.returns.mean()))
        return baseline, learned.returns - baseline.returns, _RETURN
    distances = {one.label: one.distances for one in baselines if one.distances is not None}
    baseline = min(baselines, key=lambda one: float(distances[one.label].mean()))
    return baseline, learned.distances - distances[baseline.label], _DISTANCE


def _caveat(learned: PolicyOutcome, baselines: Sequence[PolicyOutcome], by: MetricFormat) -> str:
    """What the environment's own reward says, where it says something else than the distance."""
    best = max(baselines, key=lambda one: float(one.returns.mean()))
    behind = float(best.returns.mean() - learned.returns.mean())
    if by is _RETURN or not behind > 0:
        return ""
    return (
        f" Its return is {behind:.4g} lower than that of {best.label}: the environment rewards something else than "
        "being near in the end."
    )

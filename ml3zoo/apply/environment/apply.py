"""``apply_in_environment``: from a loss and an environment to a report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ml3zoo.apply.counts import check_counts
from ml3zoo.apply.environment.baselines import GRID, PolicyGradient, random_search, tuned
from ml3zoo.apply.environment.evaluator import Arena, check_sizes
from ml3zoo.apply.environment.policies import parse_policy
from ml3zoo.apply.environment.recorder import Tape
from ml3zoo.apply.environment.rendering import Film, film
from ml3zoo.apply.environment.report import (
    LEARNED,
    REINFORCE,
    SEARCH,
    EnvironmentContender,
    EnvironmentReport,
    PolicyReport,
)
from ml3zoo.apply.environment.training import Outcome, Trained, train_under
from ml3zoo.apply.figures import Array
from ml3zoo.apply.table.saving import check_place
from ml3zoo.apply.verdict import Yardstick, difference, verdict
from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig, World
from ml3zoo.losses.signals import kind_of
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.optimizers import optimizer_of
from ml3zoo.meta.progress import counting_bar
from ml3zoo.tasks.control.vector_env import open_worlds, own_limit
from ml3zoo.zoo.loading import load_loss

POLICY = "64 tanh"
_RETURN = Yardstick(metric="return", better="higher")
_DISTANCE = Yardstick(metric="distance from the goal")


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
    """Train fresh policies in a Gymnasium environment under a learned loss, and by rivals at the same cost.

    Under the loss a policy takes a gradient step after each episode, by the loss's own optimiser at its recommended
    rate. Its rivals have as many episodes, and the same initial weights: REINFORCE (Williams 1992), whose learning rate
    and noise are tuned on other seeds, and a random search. All are judged by one more episode, without noise.

    Args:
        name: a trajectory loss of the zoo, or the path of its folder.
        env: id of the environment as ``gymnasium.make`` takes it, ``"Name-v0"`` or ``"module:Name-v0"``; the module is
            imported. Observations [states] and actions [actions] as the loss's config has them.
        policy: hidden layers of the policies, and the activation between them, such as ``"64-32 ReLU"``.
        steps: gradient steps, an episode each; as many as the loss was made for if not given.
        seeds: policies per contender.
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
    opened = open_worlds(env, seeds, world.episode_steps, like=world.environment)
    with opened as worlds, reproducible_compute():
        network = parse_policy(policy, *check_sizes(worlds, loss, world))
        arena, tape = Arena(worlds, world, network), Tape(steps)
        with counting_bar("training", (steps + 1) * (len(GRID) + 3) + 1) as note:

            def at(label: str, group: int = 0) -> Arena:
                return replace(arena, group=group, note=partial(note, label))

            def outcome(label: str, train: Callable[[Arena, int], Trained]) -> Outcome:
                return Outcome.of(label, train(at(label), steps), at(label), steps)

            learned = outcome(LEARNED, partial(train_under, loss, watch=tape.keep))
            tape.keep(steps, learned.moment)
            gradient = tuned(at(f"tuning {REINFORCE}", group=1), steps)
            rivals = outcome(REINFORCE, gradient.train), outcome(SEARCH, random_search)
        shown = film(env, arena, tape.filmed) if record else None
        report = _report(name, env, loss.config, arena, steps, gradient, (learned, *rivals), shown)
        if out is not None:
            from ml3zoo.apply.environment.saving import save_environment_report

            save_environment_report(report, learned.best, arena, tape, shown, out)
    return report


def _world(config: LossConfig) -> World:
    """What a loss tells of the environment it was made for."""
    if not kind_of(config).acting:
        raise InputError(
            f"{config.name} is a {config.kind} loss; one of trajectories was expected, which environments are used "
            f"with. Run: ml3zoo apply {config.name} DATA --target COLUMN"
        )
    if config.world is None:
        raise InputError(
            f"the config of {config.name} tells no world: its environment, what policies see there and what their goal "
            "is were expected. Use the loss in Python, or take one that tells. Run: ml3zoo list --kind trajectory"
        )
    return config.world


def _report(
    name: str | Path,
    env: str,
    config: LossConfig,
    arena: Arena,
    steps: int,
    gradient: PolicyGradient,
    outcomes: tuple[Outcome, ...],
    shown: Film | None,
) -> EnvironmentReport:
    learned, *rivals = outcomes
    rival, gap, by = _compared(learned, rivals)
    found = difference(gap)
    seeds = arena.worlds.num_envs
    told = verdict(config.name, f"{rival.label} (the better of {len(rivals)} rivals)", found, by, seeds)
    elsewhere = "" if env == arena.world.environment else f" It was made for {arena.world.environment}."
    start = arena.start(learned.moment.episode) + learned.foremost if arena.world.one_start else None
    return EnvironmentReport(
        name=str(name),
        environment=env,
        episode_steps=arena.world.episode_steps,
        own_limit=own_limit(env),
        success=arena.world.success,
        starts=arena.world.starts,
        network=str(arena.network),
        steps=steps,
        seeds=seeds,
        optimizer=str(optimizer_of(config.inner)),
        lr=config.inner.lr,
        tuned=gradient,
        contenders=tuple(map(EnvironmentContender.of, outcomes)),
        rival=rival.label,
        difference=found,
        verdict=told + _caveat(learned, rivals, by) + elsewhere,
        policy=PolicyReport.of(arena.network, arena.world.policy_sees, start),
        film=None if shown is None else shown.told,
    )


def _compared(learned: Outcome, rivals: Sequence[Outcome]) -> tuple[Outcome, Array, Yardstick]:
    """The best rival, how much more the learned loss has than it, and of what: distance if that is known."""
    if learned.distances is None:
        rival = max(rivals, key=lambda one: float(one.returns.mean()))
        return rival, learned.returns - rival.returns, _RETURN
    distances = {one.label: one.distances for one in rivals if one.distances is not None}
    rival = min(rivals, key=lambda one: float(distances[one.label].mean()))
    return rival, learned.distances - distances[rival.label], _DISTANCE


def _caveat(learned: Outcome, rivals: Sequence[Outcome], by: Yardstick) -> str:
    """What the environment's own reward says, where it says something else than the distance."""
    best = max(rivals, key=lambda one: float(one.returns.mean()))
    behind = float(best.returns.mean() - learned.returns.mean())
    if by is _RETURN or not behind > 0:
        return ""
    return (
        f" Its return is {behind:.4g} lower than that of {best.label}: the environment rewards something else than "
        "being near in the end."
    )

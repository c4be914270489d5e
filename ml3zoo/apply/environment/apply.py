"""``apply_in_environment``: from a loss and an environment to a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from ml3zoo.apply.counts import check_counts
from ml3zoo.apply.environment.baselines import GRID, PolicyGradient, random_search, tuned
from ml3zoo.apply.environment.evaluation import EvaluatedPolicies, PolicyComparison
from ml3zoo.apply.environment.evaluator import Evaluator, check_sizes
from ml3zoo.apply.environment.policies import parse_policy
from ml3zoo.apply.environment.recorder import Recorder
from ml3zoo.apply.environment.rendering import film
from ml3zoo.apply.environment.report import (
    LEARNED,
    REINFORCE,
    SEARCH,
    EnvironmentMethodReport,
    EnvironmentReport,
    PolicyReport,
)
from ml3zoo.apply.environment.training import TrainedPolicies, train_under
from ml3zoo.apply.rendering import Film
from ml3zoo.apply.saving import check_output
from ml3zoo.apply.verdict import Difference, verdict
from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig
from ml3zoo.format.environment import EnvironmentConfig
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.optimizers import optimizer_of
from ml3zoo.meta.progress import counting_bar
from ml3zoo.tasks.control.opening import open_vector_env, own_limit
from ml3zoo.zoo.loading import load_loss

POLICY = "64 tanh"


def apply_in_environment(
    name: str | Path,
    env: str,
    *,
    policy: str = POLICY,
    steps: int | None = None,
    seeds: int = 15,
    out: Path | None = None,
    record: bool = False,
) -> EnvironmentReport:
    """Train fresh policies in a Gymnasium environment under a learned loss, and by baselines at the same cost.

    Under the loss a policy takes a gradient step after each episode, with the loss's own optimiser and recommended
    learning rate. The baselines get as many episodes and the same initial weights: REINFORCE (Williams 1992), whose
    learning rate and noise are tuned on other seeds, and a random search. All are evaluated in one more episode,
    without noise.

    Args:
        name: a trajectory loss of the zoo, or the path of its folder.
        env: id of the environment as ``gymnasium.make`` takes it, ``"Name-v0"`` or ``"module:Name-v0"``; the module is
            imported. Observations [states] and actions [actions] as the loss's config has them.
        policy: hidden layers of the policies, and the activation between them, such as ``"64-32 ReLU"``.
        steps: gradient steps, an episode each; as many as the loss was made for if not given.
        seeds: policies per method.
        out: folder for the best policy, the report and ``trajectories.png``. An earlier report there is replaced
            without a question; a folder that holds anything else is refused.
        record: also save ``trajectories.gif`` there: an episode before, midway and after training, as the environment
            renders it, or, where it does not, the drawing in motion.

    Returns:
        Success as a share of the policies, returns as the environment rewards, distances in units of its observations,
        and cost in environment steps.

    Raises:
        InputError: a number is out of range, ``policy`` describes no network, the loss is for another problem type or
            its config describes no environment, or the environment cannot be made, fails or does not fit the loss.
        OutputError: ``out`` cannot be written or holds something else.
        MissingExtraError: Gymnasium, MuJoCo or matplotlib is needed and not installed.
    """
    if record and out is None:
        raise InputError("a record was asked for, but no folder to save it in: an out was expected, as in --out DIR.")
    check_counts(steps=steps, seeds=seeds)
    loss = load_loss(name, reduction="none")
    config = _environment_of(loss.config)
    steps = steps or loss.config.inner.steps
    if out is not None:
        check_output(out, plot=True)
    opened = open_vector_env(env, seeds, config.episode_steps, like=config.id)
    with opened as vector_env, reproducible_compute():
        network = parse_policy(policy, *check_sizes(vector_env, loss, config))
        evaluator, recorder = Evaluator(vector_env, config, network), Recorder(steps)
        with counting_bar("training", (steps + 1) * (len(GRID) + 3) + 1) as note:

            def evaluator_for(label: str, group: int = 0) -> Evaluator:
                return replace(evaluator, group=group, note=partial(note, label))

            def evaluated(label: str, train: Callable[[Evaluator, int], TrainedPolicies]) -> EvaluatedPolicies:
                own = evaluator_for(label)
                return EvaluatedPolicies.of(label, train(own, steps), own, steps)

            learned = evaluated(LEARNED, partial(train_under, loss, observe=recorder.record))
            recorder.record(steps, learned.snapshot)
            gradient = tuned(evaluator_for(f"tuning {REINFORCE}", group=1), steps)
            baselines = evaluated(REINFORCE, gradient.train), evaluated(SEARCH, random_search)
        shown = film(env, evaluator, recorder.filmed) if record else None
        comparison = PolicyComparison(learned, baselines)
        report = _report(name, env, loss.config, evaluator, steps, gradient, comparison, shown)
        if out is not None:
            from ml3zoo.apply.environment.saving import save_environment_report

            save_environment_report(report, learned, evaluator, recorder, shown, out)
    return report


def _environment_of(config: LossConfig) -> EnvironmentConfig:
    """The environment that a loss was made for."""
    if config.problem_type != "trajectory":
        use = "--env ID" if find_problem_type(config.problem_type).acting else "DATA --target COLUMN"
        raise InputError(
            f"{config.name} is a {config.problem_type} loss; here a trajectory loss was expected. "
            f"Run: ml3zoo apply {config.name} {use}"
        )
    if config.environment is None:
        raise InputError(
            f"the config of {config.name} describes no environment: its id, how observations are normalised and where "
            "the goal stands were expected. Use the loss in Python, or take another one. Run: ml3zoo list "
            "--problem-type trajectory"
        )
    return config.environment


def _report(
    name: str | Path,
    env: str,
    config: LossConfig,
    evaluator: Evaluator,
    steps: int,
    gradient: PolicyGradient,
    comparison: PolicyComparison,
    shown: Film[int] | None,
) -> EnvironmentReport:
    environment, seeds = evaluator.config, evaluator.vector_env.num_envs
    learned, baseline = comparison.learned, comparison.best_baseline
    difference = Difference.of(comparison.gap)
    others = f"{baseline.label} (the better of {len(comparison.baselines)} baselines)"
    sentence = verdict(config.name, others, difference, learned.metric, f"{seeds} seeds")
    elsewhere = "" if env == environment.id else f" It was made for {environment.id}."
    start = evaluator.start_seed(learned.snapshot.episode) + learned.best if environment.one_start else None
    return EnvironmentReport(
        name=str(name),
        environment=env,
        episode_steps=environment.episode_steps,
        own_limit=own_limit(env),
        success=environment.success,
        starts=environment.starts,
        network=str(evaluator.network),
        steps=steps,
        seeds=seeds,
        optimizer=str(optimizer_of(config.inner)),
        lr=config.inner.lr,
        tuned=gradient,
        methods=tuple(map(EnvironmentMethodReport.of, (learned, *comparison.baselines))),
        baseline=baseline.label,
        difference=difference,
        verdict=sentence + comparison.caveat + elsewhere,
        policy=PolicyReport.of(evaluator.network, environment.observation_normaliser, start),
        film=None if shown is None else shown.origin,
    )

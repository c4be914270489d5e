"""``apply_to_agents``: from a learned policy objective and an environment to a report."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ml3zoo.__version__ import __version__
from ml3zoo.apply.agents.comparison import AgentComparison, Returns
from ml3zoo.apply.agents.environment import check_spaces
from ml3zoo.apply.agents.needs_sb3 import LIBRARY, PPO
from ml3zoo.apply.agents.rendering import film_agents
from ml3zoo.apply.agents.report import AGENTS, AgentMethodReport, AgentsReport, verdict_of
from ml3zoo.apply.agents.settings import HyperParameters, Settings
from ml3zoo.apply.agents.training import MODEL, NORMALISER, Agent, Method
from ml3zoo.apply.agents.unfinished import unfinished_folder
from ml3zoo.apply.counts import check_counts
from ml3zoo.apply.saving import check_output
from ml3zoo.errors import InputError
from ml3zoo.integrations.sb3 import LearnedPPO
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.identity import identity_of
from ml3zoo.meta.interruption import interruption
from ml3zoo.meta.progress import progress_bar
from ml3zoo.tasks.control.opening import open_env
from ml3zoo.zoo.loading import load_loss

STEPS, SEEDS = 200_000, 3


def apply_to_agents(
    name: str | Path,
    env: str,
    *,
    steps: int = STEPS,
    seeds: int = SEEDS,
    hyper: HyperParameters | None = None,
    normalise: bool = False,
    out: Path | None = None,
    record: bool = False,
) -> AgentsReport:
    """Train agents by stable-baselines3's PPO and, all else the same, under a learned objective for its policy.

    Agents of one seed start with the same networks in the same environment. They are compared by their returns in the
    last tenth of training, and by the steps until they reach shares of PPO's return.

    Args:
        name: a policy-gradient loss of the zoo, or the path of its folder.
        env: id of the environment as ``gymnasium.make`` takes it; observations are vectors, actions too or discrete.
        steps: of the environment, for each agent, rounded up to whole roll-outs of PPO (2048 steps by default).
        seeds: agents per method.
        hyper: PPO's hyper-parameters, for both methods, such as those that RL Baselines3 Zoo publishes:
            ``{"n_steps": 512, "gamma": 0.999}``; its defaults if not given.
        normalise: normalise observations and rewards by running statistics (``VecNormalize``), for both.
        out: folder for the agents, their logs, the report and ``returns.png``. An earlier report there is replaced
            without a question; a folder that holds anything else is refused. While agents train, those that are
            finished wait in ``OUT.unfinished``: the same call after an interruption goes on with them.
        record: also save ``agents.gif`` there: an episode of each method's first agent, as the environment renders it.

    Raises:
        InputError: a number is out of range, the loss is for another problem type, or the environment cannot be made,
            fails, never ends or has other spaces.
        Interrupted: the user asked to stop; finished agents are kept.
        CheckpointError: ``OUT.unfinished`` is of another comparison.
        OutputError: ``out`` cannot be written or holds something else.
        MissingExtraError: stable-baselines3, Gymnasium, MuJoCo or matplotlib is needed and not installed.
    """
    if record and out is None:
        raise InputError("a record was asked for, but no folder to save it in: an out was expected, as in --out DIR.")
    check_counts(steps=steps, seeds=seeds)
    loss = load_loss(name)
    if loss.problem_type.name != "policy-gradient":
        raise InputError(
            f"{loss.config.name} is a {loss.config.problem_type} loss; for agents, a policy-gradient loss was expected."
        )
    methods = Method("ppo", "PPO", PPO), Method("learned", loss.config.name, partial(_under, loss))
    settings = Settings.of(env, steps, hyper or {}, normalise)
    if out is not None:
        check_output(out, plot=True)
    with open_env(env) as opened:
        check_spaces(opened, env)
    with unfinished_folder(out, _identity(loss, settings)) as folder:
        agents = _trained(methods, settings, seeds, folder)
        ppo, ours = (Returns.of(agents[method.key], settings.steps) for method in methods)
        comparison = AgentComparison(settings.steps, ppo, ours)
        firsts = {method.label: agents[method.key][0] for method in methods}
        film = film_agents(env, firsts, settings.last) if record else None
        difference, sentence = verdict_of(loss.config.name, "PPO", comparison.difference, seeds)
        report = AgentsReport(
            name=str(name),
            environment=env,
            library=LIBRARY,
            steps=settings.steps,
            seeds=seeds,
            optimizer="Adam",
            hyper=settings.hyper,
            normalise=normalise,
            settings=str(settings),
            methods=tuple(
                AgentMethodReport.of(
                    method.label,
                    comparison,
                    returns,
                    () if out is None else tuple(f"{AGENTS}/{agent.folder.name}" for agent in agents[method.key]),
                )
                for method, returns in zip(methods, (ppo, ours), strict=True)
            ),
            baseline="PPO",
            difference=difference,
            verdict=sentence,
            how_to_use=_how_to_use(normalise),
            film=None if film is None else film.origin,
        )
        if out is not None:
            from ml3zoo.apply.agents.saving import save_agents_report

            save_agents_report(report, comparison, folder, film, out)
    return report


def _trained(methods: tuple[Method, ...], settings: Settings, seeds: int, folder: Path) -> dict[str, list[Agent]]:
    """Agents by method, seed by seed; those that are finished already are read."""
    agents: dict[str, list[Agent]] = {method.key: [] for method in methods}
    total = settings.steps * seeds * len(methods)
    with reproducible_compute(), interruption() as asked, progress_bar("training", total) as advance:
        done = 0

        def note(label: str, steps: int, text: str) -> bool:
            advance(done + steps, f"{label} {text}")
            return not asked.asked

        for seed in range(seeds):
            for method in methods:
                place = folder / f"{method.key}-{seed}"
                shown = partial(note, f"{method.label}, seed {seed}:")
                agent = Agent.read(place) or Agent.train(method, seed, settings, place, shown)
                agents[method.key].append(agent)
                done += settings.steps
                advance(done)
    return agents


def _under(loss: LearnedLoss, *given: Any, **more: Any) -> LearnedPPO:
    """PPO under a copy of the loss: what it remembers of one agent is nothing to the next."""
    return LearnedPPO(*given, loss=copy.deepcopy(loss), **more)


def _identity(loss: LearnedLoss, settings: Settings) -> dict[str, object]:
    """What decides how agents come out, beside their seed."""
    return {
        "versions": [f"ml3zoo {__version__}", LIBRARY, f"torch {torch.__version__}"],
        "loss": identity_of(config=loss.config, weights=loss.state_dict()).digest(),
        "environment": settings.env,
        "steps": settings.steps,
        "hyper": dict(settings.hyper),
        "normalise": settings.normalise,
    }


def _how_to_use(normalise: bool) -> str:
    normalised = f" Its observations are normalised: VecNormalize.load(folder + '/{NORMALISER}', vec_env)."
    return f"stable_baselines3.PPO.load(folder + '/{MODEL}').predict(observation)." + (normalised if normalise else "")

"""A film of trained agents, an episode of each method's first one side by side."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ml3zoo.apply.agents.environment import Env
from ml3zoo.apply.agents.needs_sb3 import PPO, DummyVecEnv, VecNormalize
from ml3zoo.apply.agents.training import MODEL, NORMALISER, Agent
from ml3zoo.apply.rendering import RENDER_MODE, Film, NoRendererError, check_renders, headless, rendered_frame
from ml3zoo.errors import Ml3zooError
from ml3zoo.tasks.control.opening import open_env

if TYPE_CHECKING:
    from ml3zoo.plots.film import Frame

_START = 0
"""Seed of the episode."""


def film_agents(env: str, agents: Mapping[str, Agent], longest: int) -> Film[str]:
    """An episode of each agent from the same start, each doing what it thinks best.

    Args:
        env: id of the environment.
        agents: by what to call them.
        longest: steps of the episode, at most.
    """
    try:
        with open_env(env) as opened:
            check_renders(opened.metadata)
            lengths = [_play(opened, agent, longest, lambda step: None) for agent in agents.values()]
        from ml3zoo.plots.film import times_shown

        times = set(times_shown(max(lengths) + 1))
        with warnings.catch_warnings(), headless(), _rendering(env) as opened:
            warnings.simplefilter("ignore")
            return Film(
                {label: _filmed(opened, agent, longest, times) for label, agent in agents.items()},
                "rendered by the environment",
            )
    except (NoRendererError, Ml3zooError) as error:
        return Film(None, f"not made, as the environment renders nothing here ({error})")


def _rendering(env: str) -> AbstractContextManager[Env]:
    return open_env(env, render_mode=RENDER_MODE)


def _filmed(env: Env, agent: Agent, longest: int, times: set[int]) -> list[Frame]:
    frames: list[Frame] = []

    def look(step: int) -> None:
        if step in times:
            frames.append(rendered_frame(env.render))

    end = _play(env, agent, longest, look)
    return frames if end in times else [*frames, rendered_frame(env.render)]


def _play(env: Env, agent: Agent, longest: int, look: Callable[[int], None]) -> int:
    """An episode; ``look`` is called after each number of steps. Returns its length."""
    model = PPO.load(agent.folder / MODEL, device="cpu")
    normalised = _normaliser(env, agent)
    observed, _ = env.reset(seed=_START)
    for step in itertools.count():
        look(step)
        action, _ = model.predict(normalised(observed), deterministic=True)
        observed, _, ended, cut, _ = env.step(action)
        if ended or cut or step + 1 >= longest:
            look(step + 1)
            return step + 1
    raise AssertionError


def _normaliser(env: Env, agent: Agent) -> Callable[[Any], Any]:
    path = agent.folder / NORMALISER
    if not path.exists():
        return lambda observed: observed
    normaliser = VecNormalize.load(str(path), DummyVecEnv([lambda: env]))
    normalised: Callable[[Any], Any] = normaliser.normalize_obs
    return normalised

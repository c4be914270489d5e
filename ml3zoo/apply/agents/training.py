"""Agents: PPO trains one in an environment; what it did is kept in a folder."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ml3zoo.apply.agents.environment import Env, WatchedEnv
from ml3zoo.apply.agents.needs_sb3 import PPO, BaseCallback, DummyVecEnv, Monitor, VecEnv, VecNormalize, configure
from ml3zoo.apply.agents.settings import Settings
from ml3zoo.errors import InputError, OutputError
from ml3zoo.evaluate.statistics import Array
from ml3zoo.format.files import make_folder, replacing
from ml3zoo.meta.interruption import Interrupted
from ml3zoo.tasks.control.opening import open_env

MODEL, NORMALISER, EPISODES = "model.zip", "normaliser.pkl", "monitor.csv"
_NOTED_EVERY = 64
"""Environment steps between looks at the clock."""


@dataclass(frozen=True)
class Method:
    """One way to learn.

    Attributes:
        key: beginning of its agents' folders.
        label: for readers.
        make: called as ``stable_baselines3.PPO`` is.
    """

    key: str
    label: str
    make: Callable[..., PPO]


@dataclass(frozen=True)
class Agent:
    """A trained agent.

    Attributes:
        folder: with its model, a line for every episode and every update.
        ends: steps of the environment up to the end of each episode, [episodes].
        returns: sum of each episode's rewards, [episodes].
    """

    folder: Path
    ends: Array
    returns: Array

    @classmethod
    def read(cls, folder: Path) -> Agent | None:
        """The agent that a folder holds; None if its training did not finish."""
        if not (folder / MODEL).exists():
            return None
        returns, lengths = np.loadtxt(folder / EPISODES, delimiter=",", skiprows=2, usecols=(0, 1), ndmin=2).T
        return cls(folder, lengths.cumsum(), returns)

    @classmethod
    def train(
        cls, method: Method, seed: int, settings: Settings, folder: Path, note: Callable[[int, str], bool]
    ) -> Agent:
        """Train an agent.

        Args:
            method: how it learns.
            seed: of its networks, its environment and its actions.
            settings: the same for all agents.
            folder: for what it did; emptied first.
            note: called with the steps done and the last return; returns whether to go on.

        Raises:
            InputError: the environment or a hyper-parameter is of no use.
            OutputError: the folder cannot be written.
            Interrupted: ``note`` said so.
        """
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder)
        try:
            _train(method, seed, settings, folder, note)
        except OSError as error:
            raise OutputError(
                f"cannot write {folder} ({error.strerror or error}). Make room or name another --out, and run again."
            ) from error
        trained = cls.read(folder)
        assert trained is not None
        return trained


def _train(method: Method, seed: int, settings: Settings, folder: Path, note: Callable[[int, str], bool]) -> None:
    with (
        open_env(settings.env) as env,
        closing(_vec_env(env, settings, folder)) as vec_env,
        closing(configure(str(folder), ["csv"])) as logger,
        _own_chance(),
    ):
        model = _made(method, vec_env, settings, seed)
        model.set_logger(logger)
        watch = _Watch(note)
        model.learn(settings.steps, callback=watch)
        if watch.stopped:
            raise Interrupted
        if isinstance(vec_env, VecNormalize):
            vec_env.save(str(folder / NORMALISER))
        with replacing(folder / MODEL) as partial:
            model.save(partial)


class _Watch(BaseCallback):
    """Says how far training is, and stops it if it is asked to."""

    def __init__(self, note: Callable[[int, str], bool]) -> None:
        super().__init__()
        self._note, self.stopped = note, False

    def _on_step(self) -> bool:
        if self.num_timesteps % _NOTED_EVERY:
            return True
        episodes = self.model.ep_info_buffer
        self.stopped = not self._note(self.num_timesteps, f"return {episodes[-1]['r']:.4g}" if episodes else "")
        return not self.stopped


def _vec_env(env: Env, settings: Settings, folder: Path) -> VecEnv:
    watched = Monitor(WatchedEnv(env, settings.env, settings.last), str(folder))
    vec_env = DummyVecEnv([lambda: watched])
    return VecNormalize(vec_env, gamma=settings.discount) if settings.normalise else vec_env


def _made(method: Method, vec_env: VecEnv, settings: Settings, seed: int) -> PPO:
    try:
        return method.make("MlpPolicy", vec_env, seed=seed, device="cpu", **settings.hyper)
    except InputError:
        raise
    except (AssertionError, TypeError, ValueError) as error:
        raise InputError(
            f"PPO of stable-baselines3 cannot train in {settings.env} with {settings} ({error}). Change them."
        ) from error


@contextmanager
def _own_chance() -> Iterator[None]:
    """stable-baselines3 seeds every global source of chance; they are put back afterwards."""
    of_python, of_numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            random.setstate(of_python)
            np.random.set_state(of_numpy)

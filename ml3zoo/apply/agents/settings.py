"""What all agents of a comparison share: their environment, how long they train, PPO's hyper-parameters."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass

from ml3zoo.apply.agents.needs_sb3 import PPO
from ml3zoo.errors import InputError, did_you_mean

HyperParameters = Mapping[str, float | bool]
_DEFAULTS = {
    name: inspect.signature(PPO.__init__).parameters[name].default
    for name in (
        *("learning_rate", "n_steps", "batch_size", "n_epochs", "gamma", "gae_lambda", "clip_range", "clip_range_vf"),
        *("normalize_advantage", "ent_coef", "vf_coef", "max_grad_norm", "target_kl"),
    )
}
LAST = 10
"""An agent is judged by the last part of its training, one of so many."""


@dataclass(frozen=True)
class Settings:
    """How every agent trains.

    Attributes:
        env: id of the environment.
        steps: of the environment, for each agent.
        hyper: of PPO, by the names of ``stable_baselines3.PPO``; its defaults for those left out.
        normalise: whether observations and rewards are normalised by running statistics, by ``VecNormalize``.
    """

    env: str
    steps: int
    hyper: HyperParameters
    normalise: bool

    @classmethod
    def of(cls, env: str, steps: int, hyper: HyperParameters, normalise: bool) -> Settings:
        """Settings that fit each other; steps are rounded up to whole roll-outs.

        Raises:
            InputError: a hyper-parameter is not known or no number, or there are fewer steps than in a roll-out.
        """
        for name, value in hyper.items():
            if name not in _DEFAULTS:
                raise InputError(
                    f"PPO has no hyper-parameter {name!r} that can be set here.{did_you_mean(name, _DEFAULTS)} Known: "
                    f"{', '.join(_DEFAULTS)}."
                )
            if not math.isfinite(value):
                raise InputError(f"the hyper-parameter {name} is {value!r}: a finite number was expected.")
        found = cls(env, steps, dict(hyper), normalise)
        rollout = found.rollout
        if steps < rollout:
            raise InputError(
                f"steps is {steps}: PPO learns from roll-outs of n_steps={rollout} steps of the environment, so one or "
                "more of them was expected. Take more steps, or a smaller n_steps."
            )
        return cls(env, math.ceil(steps / rollout) * rollout, found.hyper, normalise)

    @property
    def rollout(self) -> int:
        """Steps in a roll-out.

        Raises:
            InputError: it is no whole number above 0.
        """
        steps = self.hyper.get("n_steps", _DEFAULTS["n_steps"])
        if not isinstance(steps, int) or steps < 1:
            raise InputError(f"n_steps is {steps!r}: a whole number of 1 or more was expected.")
        return steps

    @property
    def discount(self) -> float:
        """Of rewards."""
        return float(self.hyper.get("gamma", _DEFAULTS["gamma"]))

    @property
    def last(self) -> int:
        """Steps at the end of training that agents are judged by."""
        return self.steps // LAST

    def __str__(self) -> str:
        """PPO's hyper-parameters, in words."""
        given = ", ".join(f"{name}={value}" for name, value in self.hyper.items())
        hyper = f"{given}, else its defaults" if given else "its default hyper-parameters"
        return hyper + (", observations and rewards normalised" if self.normalise else "")

"""Where policies are trained and compared: a vector environment, set up as a learned loss's config says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ml3zoo.apply.environment.policies import Policies
from ml3zoo.errors import InputError
from ml3zoo.format.environment import EnvironmentConfig
from ml3zoo.losses import LearnedLoss
from ml3zoo.tasks.control.needs_gymnasium import VectorEnv
from ml3zoo.tasks.control.rollouts import Rollouts, action_space, check_vector_env, roll_out
from ml3zoo.tasks.optimizees import MLP

_WEIGHTS, _STARTS = 0, 1
"""What seeds are for; see ``Evaluator.seed``."""


def check_sizes(vector_env: VectorEnv, loss: LearnedLoss, config: EnvironmentConfig) -> tuple[int, int]:
    """How many numbers an observation and an action have, in an environment that a loss fits.

    Raises:
        InputError: policies cannot be rolled out in it, or the loss was made for more or fewer numbers.
    """
    check_vector_env(vector_env)
    assert vector_env.single_observation_space.shape is not None
    found = vector_env.single_observation_space.shape[0], action_space(vector_env).shape[0]
    actions = loss.example(torch.Generator().manual_seed(0), 1, 1.0)["input"].shape[-1]
    expected = len(config.observation_normaliser), actions
    if found != expected:
        assert vector_env.spec is not None
        raise InputError(
            f"{vector_env.spec.id} observes {found[0]} numbers and takes {found[1]} as an action, {loss.config.name} "
            f"was made for {expected[0]} and {expected[1]}, those of {config.id}. Name such an environment, or a loss "
            "made for yours."
        )
    return found


@dataclass(frozen=True)
class Evaluator:
    """A vector environment with a policy for each of its environments.

    Attributes:
        vector_env: the environments.
        config: what the loss's config says about them.
        network: of a policy.
        group: another group has other policies and other starts.
        note: called after each roll-out.
    """

    vector_env: VectorEnv
    config: EnvironmentConfig
    network: MLP
    group: int = 0
    note: Callable[[], None] = lambda: None

    def fresh_policies(self, draw: int = 0) -> Policies:
        """Untrained policies, others for each draw."""
        generator = torch.Generator().manual_seed(self.seed(_WEIGHTS, draw))
        weights = self.network.sample(generator, self.vector_env.num_envs)
        return Policies(self.network, self.config.observation_normaliser, weights)

    def start_seed(self, episode: int) -> int:
        """Seed of the first environment's start; each further environment has one more.

        The same for all episodes if a policy is trained from one start.
        """
        return self.seed(_STARTS, 0 if self.config.one_start else episode)

    def roll_out(self, act: Callable[[Tensor], Tensor], episode: int) -> Rollouts:
        """An episode in every environment."""
        rollouts = roll_out(act, self.vector_env, self.start_seed(episode))
        self.note()
        return rollouts

    def distances(self, rollouts: Rollouts) -> Tensor | None:
        """How far from the goal each episode ended, [policies]; None if the config does not say where that stands."""
        offset = rollouts.end[:, list(self.config.offset_at)].double()
        return offset.norm(dim=-1) if self.config.offset_at else None

    def successes(self, rollouts: Rollouts) -> Tensor:
        """Which episodes ended at the goal, [policies]."""
        distances = self.distances(rollouts)
        return rollouts.terminated if distances is None else distances <= self.config.tolerance

    @property
    def action_scale(self) -> Tensor:
        """Half the range of each action, [actions]; 1 where the range is infinite or empty."""
        space = action_space(self.vector_env)
        half = torch.as_tensor(space.high.astype(np.float64) - space.low).float() / 2
        return torch.where(half.isfinite() & (half > 0), half, 1.0)

    def seed(self, *purpose: int) -> int:
        """Seed of this group for a purpose."""
        return int(np.random.SeedSequence((self.group, *purpose)).generate_state(1)[0])

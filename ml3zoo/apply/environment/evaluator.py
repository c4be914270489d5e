"""Where policies are compared: a Gymnasium environment, as a learned loss's config tells of it."""

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
from ml3zoo.losses.families.trajectory import Loss
from ml3zoo.tasks.control.needs_gymnasium import VectorEnv
from ml3zoo.tasks.control.rollouts import Rollouts, action_space, check_vector_env, roll_out
from ml3zoo.tasks.optimizees import MLP

_WEIGHTS, _STARTS = 0, 1


def check_sizes(vector_env: VectorEnv, loss: LearnedLoss, world: EnvironmentConfig) -> tuple[int, int]:
    """How many numbers are observed and done in an environment that a loss fits.

    Raises:
        InputError: policies cannot be rolled out in it, or the loss was made for more or fewer numbers.
    """
    check_vector_env(vector_env)
    assert vector_env.single_observation_space.shape is not None
    found = vector_env.single_observation_space.shape[0], action_space(vector_env).shape[0]
    actions = len(loss.architecture.action) if isinstance(loss, Loss) else found[1]
    wanted = len(world.observation_normaliser), actions
    if found != wanted:
        assert vector_env.spec is not None
        raise InputError(
            f"{vector_env.spec.id} observes {found[0]} numbers and takes {found[1]} as an action, {loss.config.name} was "
            f"made for {wanted[0]} and {wanted[1]}, those of {world.id}. Name such an environment, or a loss "
            "made for yours."
        )
    return found


@dataclass(frozen=True)
class Evaluator:
    """Worlds with a policy for each of them.

    Attributes:
        vector_env: one for each policy.
        world: what the loss's config tells of them.
        network: of a policy.
        group: in another group policies and starts are others.
        note: called after each roll-out.
    """

    vector_env: VectorEnv
    environment: EnvironmentConfig
    network: MLP
    group: int = 0
    note: Callable[[], None] = lambda: None

    def fresh(self, draw: int = 0) -> Policies:
        """Untrained policies; another draw, other ones."""
        generator = torch.Generator().manual_seed(self.seed(_WEIGHTS, draw))
        weights = self.network.sample(generator, self.vector_env.num_envs)
        return Policies(self.network, self.environment.observation_normaliser, weights)

    def start(self, episode: int) -> int:
        """Seed of the first world's start; the next world's is one more. The same always, if the loss has one start."""
        return self.seed(_STARTS, 0 if self.environment.one_start else episode)

    def roll_out(self, act: Callable[[Tensor], Tensor], episode: int) -> Rollouts:
        """An episode in every world."""
        rolled = roll_out(act, self.vector_env, self.start(episode))
        self.note()
        return rolled

    def goals(self, states: Tensor) -> Tensor:
        """The goal [..., goals] in each state [..., states]."""
        if self.environment.goal_at:
            return states[..., list(self.environment.goal_at)]
        return states.new_tensor(self.environment.goal).expand(*states.shape[:-1], -1)

    def distances(self, rolled: Rollouts) -> Tensor | None:
        """How far from the goal each episode ended, [vector_env]; None if the loss's world does not tell."""
        offset = rolled.end[:, list(self.environment.offset_at)].double()
        return offset.norm(dim=-1) if self.environment.offset_at else None

    def successes(self, rolled: Rollouts) -> Tensor:
        """Which episodes ended at the goal, [vector_env]."""
        distances = self.distances(rolled)
        return rolled.terminated if distances is None else distances <= self.environment.tolerance

    @property
    def reach(self) -> Tensor:
        """Half the range of each action, [actions]; 1 where it has no end, or no width."""
        space = action_space(self.vector_env)
        half = torch.as_tensor(space.high.astype(np.float64) - space.low).float() / 2
        return torch.where(half.isfinite() & (half > 0), half, 1.0)

    def seed(self, *what: int) -> int:
        """A seed of this group's own for each purpose."""
        return int(np.random.SeedSequence((self.group, *what)).generate_state(1)[0])

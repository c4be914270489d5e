"""A world as a model imagines it that was learned from steps in the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ml3zoo.format.environment import AffineScales
from ml3zoo.tasks.base import Split
from ml3zoo.tasks.control.ensemble import Ensemble, Fit
from ml3zoo.tasks.control.reacher import Reacher, fingertip

_GIVEN, _CHANGING = 8, 4


@dataclass(frozen=True)
class ImaginedReacher:
    """The arm of ``Reacher-v5`` by a learned model: how angles and velocities change.

    Where the fingertip is at given angles, and so the distance from the goal, is known. A state is that of the arm and,
    in the end, the member of the ensemble that moves it, [..., 9].

    Attributes:
        arm: tells starts, goals, and what is observed.
        fit: how the model is fitted.
        model: the ensemble; ``forget`` and ``learn`` change it.
    """

    arm: Reacher = Reacher()
    fit: Fit = Fit()
    model: Ensemble = field(default_factory=lambda: Ensemble(_GIVEN, _CHANGING), repr=False, compare=False)

    @property
    def steps(self) -> int:
        """Of an episode."""
        return self.arm.steps

    @property
    def observation_normaliser(self) -> AffineScales:
        """What brings an observation to about -1 to 1."""
        return self.arm.observation_normaliser

    def draw(self, generator: torch.Generator, n: int, split: Split) -> Tensor:
        """Starts and goals as the environment draws them, each with a member of the ensemble, [n, 9]."""
        return self._imagined(self.arm.draw(generator, n, split), generator)

    def recall(self, observed: Tensor, generator: torch.Generator) -> Tensor:
        """States [n, 9] in which observations [n, 10] were made, each with a member of the ensemble."""
        angle = torch.atan2(observed[:, 2:4], observed[:, :2])
        goal = observed[:, 4:6]
        return self._imagined(torch.cat([angle, observed[:, 6:8], goal, observed[:, 8:] + goal], -1), generator)

    def _imagined(self, state: Tensor, generator: torch.Generator) -> Tensor:
        member = torch.randint(self.model.members, (len(state), 1), generator=generator)
        return torch.cat([state, member], -1)

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state [..., 9] as its member expects it."""
        if self.model.middle.device != state.device:
            self.model.to(state.device)
        given = _given(self.observe(state), action)
        angle, velocity = torch.split(state[..., :4] + self.model.predict(given, state[..., 8]), 2, -1)
        return torch.cat([angle, velocity, state[..., 4:6], fingertip(angle), state[..., 8:]], -1)

    def offset(self, state: Tensor) -> Tensor:
        """The way from the goal to the fingertip, [..., 2], in m."""
        return self.arm.offset(state[..., :8])

    def observe(self, state: Tensor) -> Tensor:
        """What the environment would tell, [..., 10]."""
        return self.arm.observe(state[..., :8])

    def forget(self, generator: torch.Generator) -> None:
        """Begin again with a model that knows nothing."""
        self.model.cpu().reset_parameters(generator)

    def learn(self, episodes: Episodes, generator: torch.Generator) -> float:
        """Fit the model to what was met; its error in scales of a change."""
        before, after = episodes.observed[:-1].flatten(0, 1), episodes.observed[1:].flatten(0, 1)
        given = _given(before, episodes.actions.flatten(0, 1))
        return self.fit(self.model, given, _change(before, after), generator)


@dataclass(frozen=True)
class Episodes:
    """What was met in an environment: episodes of one length, time first.

    Attributes:
        observed: [steps + 1, episodes, observed].
        actions: [steps, episodes, actions].
    """

    observed: Tensor
    actions: Tensor

    def __add__(self, other: Episodes) -> Episodes:
        """Both."""
        return Episodes(torch.cat([self.observed, other.observed], 1), torch.cat([self.actions, other.actions], 1))


def meet(policy: Callable[[Tensor], Tensor], episodes: int, seed: int) -> Episodes:
    """Let policies act in ``Reacher-v5``, one in each of so many vector_env.

    Args:
        policy: observations [episodes, 10] to actions [episodes, 2].
        episodes: vector_env side by side.
        seed: of starts and goals.

    Raises:
        MissingExtraError: gymnasium or mujoco is not installed.
    """
    from ml3zoo.tasks.control.rollouts import roll_out
    from ml3zoo.tasks.control.vector_env import open_vector_env

    with open_vector_env("Reacher-v5", episodes, Reacher().steps) as vector_env:
        rolled = roll_out(policy, vector_env, seed=seed)
    return Episodes(torch.cat([rolled.states, rolled.end[None]]), rolled.actions)


def _given(observed: Tensor, action: Tensor) -> Tensor:
    """What the model sees: cosines and sines of angles, velocities, actions, [..., 8]."""
    return torch.cat([observed[..., :4], observed[..., 6:8], action.clamp(-1, 1)], -1)


def _change(before: Tensor, after: Tensor) -> Tensor:
    """How angles and velocities changed from one observation to the next, [..., 4]."""
    (cos, sin), (cos_after, sin_after) = (torch.split(each[..., :4], 2, -1) for each in (before, after))
    turned = torch.atan2(sin_after * cos - cos_after * sin, cos_after * cos + sin_after * sin)
    return torch.cat([turned, after[..., 6:8] - before[..., 6:8]], -1)

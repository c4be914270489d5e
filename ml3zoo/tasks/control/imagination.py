"""Dynamics by a model that was learned from episodes in the environment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ml3zoo.format.environment import AffineScales
from ml3zoo.tasks.base import Split, Tensors
from ml3zoo.tasks.control.ensemble import Ensemble, Fit
from ml3zoo.tasks.control.reacher import Reacher, fingertip

_INPUTS, _CHANGES = 8, 4


@dataclass(eq=False)
class ImaginedReacher:
    """The arm of ``Reacher-v5`` by a learned model of how angles and velocities change.

    Where the fingertip is at given angles, and so its distance from the goal, is known. A state is that of the arm and
    then the member of the ensemble that moves it, [..., 9].

    It is mutable: ``forget`` and ``learn`` change the model, for everyone who holds this object. Two of them are equal
    only if they are the same object. The model is in checkpoints and in the fingerprint of a meta-training.

    Attributes:
        arm: gives starts, goals, and what is observed.
        fit: how the model is fitted.
        model: the ensemble.
    """

    arm: Reacher = Reacher()
    fit: Fit = Fit()
    model: Ensemble = field(default_factory=lambda: Ensemble(_INPUTS, _CHANGES), repr=False)

    @property
    def steps(self) -> int:
        """Of an episode."""
        return self.arm.steps

    @property
    def observation_normaliser(self) -> AffineScales:
        """Brings an observation to about -1 to 1."""
        return self.arm.observation_normaliser

    def draw(self, generator: torch.Generator, n: int, split: Split) -> Tensor:
        """Starts and goals as the environment draws them, each with a member of the ensemble, [n, 9]."""
        return self._with_member(self.arm.draw(generator, n, split), generator)

    def recall(self, observed: Tensor, generator: torch.Generator) -> Tensor:
        """States [n, 9] in which observations [n, 10] were made, each with a member of the ensemble."""
        return self._with_member(self.arm.recall(observed), generator)

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state [..., 9] as its member predicts it."""
        inputs = _model_inputs(self.observe(state), action)
        angle, velocity = torch.split(state[..., :4] + self.model.predict(inputs, state[..., 8]), 2, -1)
        return torch.cat([angle, velocity, self.goal(state), fingertip(angle), state[..., 8:]], -1)

    def goal(self, state: Tensor) -> Tensor:
        """The goal, [..., 2], in m."""
        return self.arm.goal(state[..., :8])

    def observed_goal(self, observed: Tensor) -> Tensor:
        """The goal in observations [..., 10], [..., 2], in m."""
        return self.arm.observed_goal(observed)

    def velocity(self, state: Tensor) -> Tensor:
        """Angular velocities, [..., 2], in rad/s."""
        return self.arm.velocity(state[..., :8])

    def offset(self, state: Tensor) -> Tensor:
        """The way from the goal to the fingertip, [..., 2], in m."""
        return self.arm.offset(state[..., :8])

    def observe(self, state: Tensor) -> Tensor:
        """What a policy observes, [..., 10]."""
        return self.arm.observe(state[..., :8])

    def learned(self) -> Tensors:
        """The parameters of the model and the scales of its inputs and outputs."""
        return dict(self.model.state_dict())

    def move(self, device: torch.device) -> None:
        """Move the model to a device."""
        self.model.to(device)

    def forget(self, generator: torch.Generator) -> None:
        """Put a fresh model in the place of what was learned."""
        self.model.cpu().reset_parameters(generator)

    def learn(self, episodes: Episodes, generator: torch.Generator) -> float:
        """Fit the model to episodes; its error in scales of a change."""
        before, after = episodes.observed[:-1].flatten(0, 1), episodes.observed[1:].flatten(0, 1)
        inputs = _model_inputs(before, episodes.actions.flatten(0, 1))
        return self.fit(self.model, inputs, _change(before, after), generator)

    def _with_member(self, state: Tensor, generator: torch.Generator) -> Tensor:
        member = torch.randint(self.model.members, (len(state), 1), generator=generator)
        return torch.cat([state, member], -1)


@dataclass(frozen=True)
class Episodes:
    """Episodes of one length in an environment, time first.

    Attributes:
        observed: [steps + 1, episodes, observed].
        actions: [steps, episodes, actions].
    """

    observed: Tensor
    actions: Tensor

    def __add__(self, other: Episodes) -> Episodes:
        """Both."""
        return Episodes(torch.cat([self.observed, other.observed], 1), torch.cat([self.actions, other.actions], 1))


def collect(policy: Callable[[Tensor], Tensor], episodes: int, seed: int) -> Episodes:
    """Let policies act in ``Reacher-v5``, one episode each.

    Args:
        policy: observations [episodes, 10] to actions [episodes, 2].
        episodes: how many, side by side.
        seed: of starts and goals.

    Raises:
        MissingExtraError: gymnasium or mujoco is not installed.
    """
    from ml3zoo.tasks.control.opening import open_vector_env
    from ml3zoo.tasks.control.rollouts import roll_out

    with open_vector_env("Reacher-v5", episodes, Reacher().steps) as vector_env:
        rolled = roll_out(policy, vector_env, seed=seed)
    return Episodes(torch.cat([rolled.states, rolled.end[None]]), rolled.actions)


def _model_inputs(observed: Tensor, action: Tensor) -> Tensor:
    """What the model sees: cosines and sines of angles, velocities, actions, [..., 8]."""
    return torch.cat([observed[..., :4], observed[..., 6:8], action.clamp(-1, 1)], -1)


def _change(before: Tensor, after: Tensor) -> Tensor:
    """How angles and velocities change from one observation to the next, [..., 4]."""
    (cos, sin), (cos_after, sin_after) = (torch.split(each[..., :4], 2, -1) for each in (before, after))
    turned = torch.atan2(sin_after * cos - cos_after * sin, cos_after * cos + sin_after * sin)
    return torch.cat([turned, after[..., 6:8] - before[..., 6:8]], -1)

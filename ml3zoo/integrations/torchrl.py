"""torchrl: a loss of trajectories as a ``LossModule``, a TensorDict in and a TensorDict of losses out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from ml3zoo.errors import InputError, MissingExtraError
from ml3zoo.losses import LearnedLoss

try:
    from tensordict import TensorDict
    from tensordict.nn import dispatch
    from torchrl.objectives import LossModule
except ImportError as error:
    raise MissingExtraError("The adapter for torchrl", "frameworks") from error


class TrajectoryLoss(LossModule):
    """A learned loss of what an actor does in the states it visited: ``TrajectoryLoss(actor, load_loss("reacher"))``.

    It reads observations, lets the actor act on them without exploration, and gives ``"loss_actor"``. The goal comes
    from the environment that the loss was made for, or, after ``set_keys(goal="desired_goal")``, from that entry.
    Padded steps are left out as everywhere in torchrl, by ``loss_mask_key``.

    Args:
        actor_network: reads observations and writes actions, before they are clipped to their range.
        loss: of trajectories.
    """

    @dataclass
    class _AcceptedKeys:
        observation: Any = "observation"
        action: Any = "action"
        goal: Any = None

    tensor_keys: _AcceptedKeys
    default_keys = _AcceptedKeys

    def __init__(self, actor_network: Any, loss: LearnedLoss) -> None:
        if loss.problem_type.name != "trajectory":
            raise InputError(
                f"{loss.config.name} is a {loss.config.problem_type} loss, one of trajectories was expected. Call "
                "others as they are: loss(prediction, target)."
            )
        super().__init__()
        self.actor_network, self.loss = actor_network, loss
        self.out_keys = ["loss_actor"]

    @property
    def functional(self) -> bool:
        """No: the actor keeps its parameters."""
        return False

    @property
    def in_keys(self) -> list[Any]:
        """What is read."""
        goal = [] if self.tensor_keys.goal is None else [self.tensor_keys.goal]
        return list(dict.fromkeys([self.tensor_keys.observation, *self.actor_network.in_keys, *goal]))

    def _forward_value_estimator_keys(self, **kwargs: Any) -> None:
        """There is no value estimator."""

    @dispatch(auto_batch_size=False)
    def forward(self, tensordict: Any) -> Any:
        """The loss of the actor in the states of a TensorDict."""
        states = tensordict.get(self.tensor_keys.observation)
        acted = self.actor_network(tensordict.select(*self.actor_network.in_keys))
        actions = acted.get(self.tensor_keys.action)
        arguments = {} if (mask := self._mask(tensordict, actions)) is None else {"mask": mask}
        value = self.loss(actions, self._goals(tensordict, states), feature=states, **arguments)
        return TensorDict({"loss_actor": value})

    def _goals(self, tensordict: Any, states: Tensor) -> Tensor:
        """The goal in each state, [..., goals]."""
        if self.tensor_keys.goal is not None:
            goals: Tensor = tensordict.get(self.tensor_keys.goal)
            return goals
        environment = self.loss.config.environment
        if environment is None:
            raise InputError(
                f"the config of {self.loss.config.name} names no environment, so there is no goal. Say where one "
                'stands: set_keys(goal="desired_goal").'
            )
        return environment.goals(states)

    def _mask(self, tensordict: Any, actions: Tensor) -> Tensor | None:
        """Which steps count, [...]; None if all do."""
        found = [tensordict.get(key, default=None) for key in self._loss_mask_keys()]
        masks = [self._expand_loss_mask(mask, actions[..., 0]) for mask in found if mask is not None]
        if not masks:
            return None
        mask: Tensor = masks[0]
        for each in masks[1:]:
            mask = mask & each
        return mask

"""torchrl: losses of trajectories and of policy gradients as ``LossModule``, a TensorDict in and one of losses out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ml3zoo.errors import InputError, MissingExtraError
from ml3zoo.integrations.policy_objective import check_objective, policy_loss
from ml3zoo.losses import LearnedLoss, call_arguments

try:
    from tensordict import TensorDict
    from tensordict.nn import dispatch
    from torchrl.objectives import LossModule, PPOLoss
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
        arguments = {} if (mask := _mask(self, tensordict, actions[..., 0])) is None else {"mask": mask}
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


class LearnedPPOLoss(PPOLoss):
    """PPO's losses, that of the policy a learned one: ``LearnedPPOLoss(actor, critic, loss=load_loss(...))``.

    ``"loss_objective"`` is what the loss says of log-ratios, advantages and, if it looks at them, the policy's
    entropies; all else is ``PPOLoss``. A learned loss takes its progress from its own clock: give ``load_loss`` the
    ``total_steps`` of the optimiser.

    Args:
        actor_network: a ``ProbabilisticActor``; the data were collected with ``return_log_prob=True``.
        critic_network: of the value function.
        loss: a learned loss of policy gradients, or a module such as ``ClippedSurrogate``, with which the gradient is
            that of ``ClipPPOLoss``.
        normalize_advantage: as in PPO, over each minibatch; learned losses expect it.
        options: of ``PPOLoss``, but for ``delay_actor``, ``max_importance_ratio`` and ``reduction``.

    Raises:
        InputError: the loss is of another problem type, the actor has no distribution, or an option has no meaning
            here; on a call, if the data hold no log-probabilities or an advantage is not finite.
    """

    def __init__(
        self,
        actor_network: Any,
        critic_network: Any = None,
        *,
        loss: nn.Module,
        normalize_advantage: bool = True,
        **options: Any,
    ) -> None:
        check_objective(loss)
        if not hasattr(actor_network, "get_dist"):
            raise InputError(
                f"actor_network is a {type(actor_network).__name__} without a distribution: there are no "
                "log-probabilities. A ProbabilisticActor was expected."
            )
        if wrong := sorted(options.keys() & {"delay_actor", "max_importance_ratio", "reduction"}):
            raise InputError(f"{wrong[0]} has no meaning here: the loss decides what a ratio is worth. Leave it out.")
        super().__init__(actor_network, critic_network, normalize_advantage=normalize_advantage, **options)
        self.loss = loss

    @dispatch
    def forward(self, tensordict: Any) -> Any:
        """Losses of policy, value function and entropy, and how far the policy has moved."""
        data = tensordict.clone(False)
        advantage = self._advantage(data)
        if data.get(self.tensor_keys.sample_log_prob, None) is None:
            raise InputError(
                f"the data hold no {self.tensor_keys.sample_log_prob!r}: the log-probabilities that actions were "
                "sampled with were expected. Collect them by a ProbabilisticActor with return_log_prob=True."
            )
        log_ratio, distribution, moved, _ = self._log_weight(data, adv_shape=advantage.shape[:-1])
        entropy, found = None, {"kl_approx": moved.detach().mean()}
        if self.entropy_bonus or "feature" in call_arguments(self.loss, {"feature": log_ratio}):
            entropy = self._get_entropy(distribution, adv_shape=advantage.shape[:-1])
            found["entropy"] = entropy.detach().mean()
        if self.entropy_bonus:
            found["loss_entropy"] = self._reduced(self._weighted_loss_entropy(entropy), data)
        if self._has_critic:
            found["loss_critic"] = self._reduced(self.loss_critic(data)[0], data)
        mask = _mask(self, data, log_ratio.squeeze(-1))
        steps = (_steps(values, mask) for values in (log_ratio, advantage, entropy))
        return TensorDict({"loss_objective": policy_loss(self.loss, *steps), **found})

    def _advantage(self, data: Any) -> Tensor:
        """Of each step, [..., 1]; estimated here if the data hold none."""
        known = data.get(self.tensor_keys.advantage, None)
        if known is None:
            params = {"params": self._cached_critic_network_params_detached}
            self.value_estimator(data, **params, target_params=self.target_critic_network_params)
            known = data.get(self.tensor_keys.advantage)
        advantage: Tensor = self._maybe_normalize_advantage(known, data, update_norm=False)
        return advantage

    def _reduced(self, values: Tensor, data: Any) -> Tensor:
        reduced: Tensor = self._reduce_loss(values, data).squeeze(-1)
        return reduced


def _steps(values: Tensor | None, mask: Tensor | None) -> Any:
    """Those that count, without the last axis of length 1."""
    flat = None if values is None else values.squeeze(-1)
    return flat if flat is None or mask is None else flat[mask]


def _mask(module: LossModule, tensordict: Any, like: Tensor) -> Tensor | None:
    """Which steps count, of the shape of ``like``; None if all do."""
    found = [tensordict.get(key, default=None) for key in module._loss_mask_keys()]
    masks = [module._expand_loss_mask(mask, like) for mask in found if mask is not None]
    if not masks:
        return None
    mask: Tensor = masks[0]
    for each in masks[1:]:
        mask = mask & each
    return mask

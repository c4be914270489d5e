"""stable-baselines3: PPO with a learned policy objective in the place of its clipped surrogate."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ml3zoo.errors import InputError, MissingExtraError
from ml3zoo.integrations.policy_objective import check_objective, policy_loss

try:
    from gymnasium.spaces import Discrete
    from stable_baselines3 import PPO
    from stable_baselines3.common.utils import explained_variance
except ImportError as error:
    raise MissingExtraError("The adapter for stable-baselines3", "frameworks") from error

_HINT = " (stable_baselines3.common.vec_env.VecCheckNan tells where)"


class LearnedPPO(PPO):
    """PPO whose policy learns under another loss: ``LearnedPPO("MlpPolicy", env, loss=load_loss("policy-objective"))``.

    Everything else is PPO's, constructor, ``save`` and ``load`` included; ``clip_range`` is not used. The loss is
    called as ``loss(log_ratio, advantage)`` for each minibatch, with the policy's entropies as ``feature`` and the
    share of ``total_timesteps`` done as ``progress`` if it makes use of them. Its value takes the place of PPO's
    ``policy_loss``; the weights of value function and entropy stay.

    Args:
        args, kwargs: of ``stable_baselines3.PPO``.
        loss: a learned loss of policy gradients, or a module such as ``ClippedSurrogate``, with which it is PPO.

    Raises:
        InputError: the loss is of another problem type, or the policy has no log-probabilities.
    """

    def __init__(self, *args: Any, loss: nn.Module | None = None, **kwargs: Any) -> None:
        check_objective(loss)
        self.loss = loss
        super().__init__(*args, **kwargs)

    def _setup_model(self) -> None:
        """See that the policy has log-probabilities before it is made."""
        policy = self.policy_class
        if not hasattr(policy, "evaluate_actions"):
            raise InputError(
                f"{policy.__name__} says nothing of log-probabilities: an actor-critic policy was expected, such as "
                '"MlpPolicy".'
            )
        super()._setup_model()

    def train(self) -> None:
        """Learn from the steps collected last.

        Raises:
            InputError: there is no loss, it gives no scalar, or an advantage is not finite.
        """
        if self.loss is None:
            raise InputError("there is no loss: give LearnedPPO one, as in LearnedPPO.load(path, loss=loss).")
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        seen: dict[str, list[float]] = {"policy_gradient_loss": [], "value_loss": [], "entropy_loss": []}
        divergences: list[float] = []
        going_on = True
        for _ in range(self.n_epochs):
            divergences = []
            for batch in self.rollout_buffer.get(self.batch_size):
                losses, divergence = self._losses(batch)
                divergences.append(divergence)
                for name, value in losses.items():
                    seen[name].append(value.item())
                if self.target_kl is not None and divergence > 1.5 * self.target_kl:
                    going_on = False
                    break
                total = losses["policy_gradient_loss"] + self.ent_coef * losses["entropy_loss"]
                total = total + self.vf_coef * losses["value_loss"]
                self.policy.optimizer.zero_grad()
                torch.autograd.backward(total)
                nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
                self.policy.optimizer.step()
            self._n_updates += 1
            if not going_on:
                break
        for name, values in seen.items():
            self.logger.record(f"train/{name}", np.mean(values))
        buffer = self.rollout_buffer
        self.logger.record("train/approx_kl", np.mean(divergences))
        self.logger.record(
            "train/explained_variance", explained_variance(buffer.values.flatten(), buffer.returns.flatten())
        )
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", torch.exp(self.policy.log_std).mean().item())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")

    def _losses(self, batch: Any) -> tuple[dict[str, Tensor], float]:
        """The three losses of a minibatch, and how far the policy has moved."""
        assert self.loss is not None
        actions = batch.actions.long().flatten() if isinstance(self.action_space, Discrete) else batch.actions
        values, log_probability, entropy = self.policy.evaluate_actions(batch.observations, actions)
        advantage = batch.advantages
        if self.normalize_advantage and len(advantage) > 1:
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        log_ratio = log_probability - batch.old_log_prob
        spread = -log_probability if entropy is None else entropy
        progress = torch.tensor(1 - self._current_progress_remaining).clamp(0, 1)
        objective = policy_loss(self.loss, log_ratio, advantage, spread, _HINT, progress=progress)
        with torch.no_grad():
            divergence = ((log_ratio.exp() - 1) - log_ratio).mean().item()
        losses = {
            "policy_gradient_loss": objective,
            "value_loss": F.mse_loss(batch.returns, self._clipped_values(values.flatten(), batch.old_values)),
            "entropy_loss": log_probability.mean() if entropy is None else -entropy.mean(),
        }
        return losses, divergence

    def _clipped_values(self, values: Tensor, before: Tensor) -> Tensor:
        """Values that keep near the ones before, if ``clip_range_vf`` asks for it."""
        schedule: Any = self.clip_range_vf
        if schedule is None:
            return values
        most = schedule(self._current_progress_remaining)
        return before + (values - before).clamp(-most, most)

    def _excluded_save_params(self) -> list[str]:
        """A saved model holds no loss: ``load`` wants it again."""
        return [*super()._excluded_save_params(), "loss"]

"""What adapters for PPO have in common: which losses may stand in its policy loss's place, and how they are called."""

from __future__ import annotations

import math

from torch import Tensor, nn

from ml3zoo.errors import InputError
from ml3zoo.losses import LearnedLoss, call_arguments


def check_objective(loss: nn.Module | None) -> None:
    """See that a loss is one of policy gradients, if it is a learned one.

    Raises:
        InputError: it is of another problem type.
    """
    if isinstance(loss, LearnedLoss) and loss.config.problem_type != "policy-gradient":
        raise InputError(
            f"{loss.config.name} is a {loss.config.problem_type} loss, one of policy gradients was expected, such as "
            'load_loss("policy-objective").'
        )


def policy_loss(
    loss: nn.Module, log_ratio: Tensor, advantage: Tensor, entropy: Tensor | None, hint: str = "", **more: Tensor
) -> Tensor:
    """The loss of a minibatch, a scalar.

    Args:
        loss: learned or ordinary.
        log_ratio: [steps].
        advantage: normalised, [steps].
        entropy: of the policy at each step, [steps]; None if the loss does not look at it.
        hint: where to look for what is not finite.
        more: a progress, for example.

    Raises:
        InputError: an advantage is not finite, or the loss gives no scalar.
    """
    if not math.isfinite(advantage.sum().item()):
        raise InputError(
            "an advantage is not finite: a reward, an observation or the value function is not. Look for NaN in what "
            f"the environment returns{hint}."
        )
    given = {"input": log_ratio, "target": advantage} | ({} if entropy is None else {"feature": entropy})
    value: Tensor = loss(**call_arguments(loss, given, **more))
    if value.ndim:
        raise InputError(
            f"the loss gives values of shape {tuple(value.shape)}, a scalar was expected: load_loss(name) without a "
            "reduction."
        )
    return value

"""Trajectory losses are called as ``loss(policy(state), goal, feature=state)``; each time step is a point."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.conventions.base import CallConvention


class TrajectoryCalls(CallConvention):
    """Actions [..., actions], goals [..., goals] and states [..., states].

    States are those that were visited, without a gradient: a loss of this problem type needs roll-outs and no
    derivatives of the environment. How many numbers make a state, an action or a goal is the loss's own business.
    """

    constant_target = False  # a goal may be part of a state that a learned model of the environment predicts

    def check(self, input: Tensor, target: Tensor) -> None:
        """A goal for each time step."""
        if input.dim() < 1 or target.shape[:-1] != input.shape[:-1] or target.dim() < 1:
            raise InputError(
                f"input has shape {tuple(input.shape)} and target {tuple(target.shape)}: actions [..., actions] and, "
                "for each of them, a goal [..., goals] were expected. Expand one: goal.expand(*actions.shape[:-1], -1)."
            )

    def check_feature(self, input: Tensor, feature: Tensor) -> None:
        """A state for each time step."""
        if feature.dim() < 1 or feature.shape[:-1] != input.shape[:-1]:
            raise InputError(
                f"feature has shape {tuple(feature.shape)}, input {tuple(input.shape)}: a state [..., states] for each "
                "action was expected. Call loss(policy(state), goal, feature=state)."
            )

    def points(self, input: Tensor) -> torch.Size:
        """Every time step is a point."""
        return input.shape[:-1]

    def given(self, input: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Action and goal."""
        return {"action": input.to(dtype), "goal": target.to(dtype)}

    def functional_target(self, input: Tensor, target: Tensor) -> Tensor:
        """Actions like the input: a goal is none."""
        return torch.zeros_like(input)


CONVENTION = TrajectoryCalls()

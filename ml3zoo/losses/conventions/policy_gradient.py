"""Policy-gradient losses are called as ``loss(log_ratio, advantage)``; each sampled step is a point."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.conventions.base import CallConvention


class PolicyGradientCalls(CallConvention):
    """Log-ratios, advantages and, for losses that look at it, entropies, all of one shape.

    A log-ratio is the log-probability that the policy gives to the action now, minus the one that it was sampled with.
    Advantages are normalised: mean 0 and standard deviation 1 in a minibatch. No gradient goes through them.
    """

    def check(self, input: Tensor, target: Tensor) -> None:
        """An advantage for each step."""
        if input.shape != target.shape:
            raise InputError(
                f"input has shape {tuple(input.shape)} and target {tuple(target.shape)}: log-ratios and advantages of "
                "one shape were expected, nothing is broadcast. Add up log-probabilities over the parts of an action."
            )

    def check_feature(self, input: Tensor, feature: Tensor) -> None:
        """An entropy for each step."""
        if feature.shape != input.shape:
            raise InputError(
                f"feature has shape {tuple(feature.shape)}, input {tuple(input.shape)}: the entropy of the policy at "
                "each step was expected. Call loss(log_ratio, advantage, feature=entropy)."
            )

    def points(self, input: Tensor) -> torch.Size:
        """Every step is a point."""
        return input.shape

    def given(self, input: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Log-ratio and advantage, a constant."""
        return {"log_ratio": input.to(dtype), "advantage": target.detach().to(dtype)}

    def example(self, generator: torch.Generator, n: int, size: float) -> tuple[Tensor, Tensor]:
        """Log-ratios of scale ``size`` tenths, and advantages of scale 1."""
        log_ratio, advantage = torch.randn(2, n, generator=generator, dtype=torch.float64)
        return 0.1 * size * log_ratio, advantage

    def workload(self, generator: torch.Generator, elements: int) -> tuple[Tensor, Tensor]:
        """The same in the middle of an update."""
        log_ratio, advantage = torch.randn(2, elements, generator=generator)
        return 0.1 * log_ratio, advantage


CONVENTION = PolicyGradientCalls()

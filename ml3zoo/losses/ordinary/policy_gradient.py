"""The policy objectives that people use, as losses of log-ratios and advantages."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ClippedSurrogate(nn.Module):
    """PPO's objective, negative (Schulman et al. 2017): no gain from moving a ratio further than ``clip`` from 1."""

    def __init__(self, clip: float = 0.2) -> None:
        super().__init__()
        self.clip = clip

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from log-ratios and advantages of one shape."""
        ratio = input.exp()
        return -torch.min(target * ratio, target * ratio.clamp(1 - self.clip, 1 + self.clip)).mean()


class DiscoveredPolicyOptimization(nn.Module):
    """A drift that was found by meta-learning and then written down (Lu et al. 2022).

    Args:
        alpha: where the drift begins for actions that were better than expected.
        beta: where it begins for the others.
    """

    def __init__(self, alpha: float = 2.0, beta: float = 0.6) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """A scalar from log-ratios and advantages of one shape."""
        ratio = input.exp()
        gain, fall = (ratio - 1) * target, input * target
        better = F.relu(gain - self.alpha * torch.tanh(gain / self.alpha))
        worse = F.relu(fall - self.beta * torch.tanh(fall / self.beta))
        return -(ratio * target - torch.where(target >= 0, better, worse)).mean()

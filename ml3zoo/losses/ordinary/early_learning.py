"""A loss that remembers every sample; it needs to be told which samples a batch has."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EarlyLearningRegularization(nn.Module):
    """Cross-entropy plus ``weight log(1 - <t, p>)``, t the running average of a sample's probabilities.

    Liu et al. 2020. It needs indices, and updates its memory in every call: it is no pure function of a batch, so the
    evaluation does not run it; use it in a loop of your own.

    Args:
        samples: in the training set.
        classes: of the target.
        weight: of the regularisation; 3 for ten classes, 7 for a hundred, in its source.
        momentum: of the average; 0.7 and 0.9.

    Attributes:
        running_target: t, [samples, classes], in the loss's state.
    """

    running_target: Tensor

    def __init__(self, samples: int, classes: int, weight: float = 3.0, momentum: float = 0.7) -> None:
        super().__init__()
        self.weight, self.momentum = weight, momentum
        self.register_buffer("running_target", torch.zeros(samples, classes))

    def forward(self, input: Tensor, target: Tensor, index: Tensor) -> Tensor:
        """A scalar from logits [points, classes], class indices [points] and the samples' numbers [points]."""
        probabilities = input.softmax(-1).clamp(1e-4, 1 - 1e-4)
        seen = probabilities.detach()
        average = self.momentum * self.running_target[index] + (1 - self.momentum) * seen / seen.sum(-1, keepdim=True)
        self.running_target[index] = average
        regularization = (1 - (average * probabilities).sum(-1)).log().mean()
        return F.cross_entropy(input, target) + self.weight * regularization

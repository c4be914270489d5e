"""A loss that remembers every sample; it needs to be told which samples a batch has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class EarlyLearningRegularization(nn.Module):
    """Cross-entropy plus ``weight log(1 - <t, p>)``, t the running average of a sample's probabilities.

    Liu et al. 2020. Called as in its source it updates its memory. The evaluation uses its pure form: ``remember``
    gives the memory after a step, and what it holds of the batch goes into the call as ``context``.

    Args:
        samples: in the training set; 0 if only the pure form is used.
        classes: of the target; likewise.
        weight: of the regularisation; 3 for ten classes, 7 for a hundred, in its source.
        momentum: of the average; 0.7 and 0.9.

    Attributes:
        running_target: t, [samples, classes], in the loss's state.
    """

    uses: ClassVar[frozenset[str]] = frozenset({"index", "context"})
    running_target: Tensor

    def __init__(self, samples: int, classes: int, weight: float = 3.0, momentum: float = 0.7) -> None:
        super().__init__()
        self.weight, self.momentum = weight, momentum
        self.register_buffer("running_target", torch.zeros(samples, classes))

    def forward(
        self, input: Tensor, target: Tensor, index: Tensor, context: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """A scalar.

        Args:
            input: logits [points, classes].
            target: class indices [points].
            index: the samples' numbers [points].
            context: what ``remember`` gave for this batch; the loss's own memory if it is not given.
        """
        if context is None:
            memory, context = self.remember({"running_target": self.running_target}, input.detach(), target, index)
            self.running_target.copy_(memory["running_target"])
        agreement = (context["average"] * _probabilities(input)).sum(-1)
        return F.cross_entropy(input, target) + self.weight * (1 - agreement).log().mean()

    @staticmethod
    def empty_memory(input: Tensor) -> dict[str, Tensor]:
        """The memory before the first step, from the logits of all samples, [..., samples, classes]."""
        return {"running_target": torch.zeros_like(input)}

    def remember(
        self, memory: Mapping[str, Tensor], input: Tensor, target: Tensor, index: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The memory after a batch, and what it holds of the batch: ``average`` [points, classes]."""
        seen = _probabilities(input)
        before = memory["running_target"]
        index = index.long()
        average = self.momentum * before[index] + (1 - self.momentum) * seen / seen.sum(-1, keepdim=True)
        return {"running_target": before.index_copy(0, index, average)}, {"average": average}


def _probabilities(input: Tensor) -> Tensor:
    return input.softmax(-1).clamp(1e-4, 1 - 1e-4)

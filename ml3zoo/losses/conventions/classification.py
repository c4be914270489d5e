"""Classification losses are called like ``torch.nn.functional.cross_entropy``."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.conventions.base import CallConvention

_CLASSES_OF_EXAMPLES = 5
_CLASSES_OF_WORKLOADS = 10


class ClassificationCalls(CallConvention):
    """Logits [classes] or [points, classes, ...], and class indices [points, ...] or probabilities like the logits."""

    def check(self, input: Tensor, target: Tensor) -> None:
        """Logits of at least two classes, and a class or probabilities for each point."""
        if input.dim() == 0 or input.shape[self._axis(input)] < 2:
            raise InputError(
                f"input has shape {tuple(input.shape)}: logits [points, classes, ...] of at least 2 classes were "
                "expected. For a single logit z of a binary problem, give torch.stack([torch.zeros_like(z), z], 1)."
            )
        if target.is_floating_point() and target.shape == input.shape:
            return
        if target.is_floating_point() or target.dtype == torch.bool or target.shape != self.points(input):
            raise InputError(
                f"target has shape {tuple(target.shape)} and type {target.dtype}: for input of shape "
                f"{tuple(input.shape)} class indices (int64) of shape {tuple(self.points(input))}, or probabilities of "
                f"shape {tuple(input.shape)}, were expected."
            )

    def points(self, input: Tensor) -> torch.Size:
        """All axes but that of the classes."""
        axis = self._axis(input)
        return input.shape[:axis] + input.shape[axis + 1 :]

    def given(self, input: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """Logits, their classes last, and targets: indices, or probabilities with their classes last."""
        axis = self._axis(input)
        soft = target.is_floating_point()
        return {
            "logits": input.to(dtype).movedim(axis, -1),
            "target": target.to(dtype).movedim(axis, -1) if soft else target.long(),
        }

    def example(self, generator: torch.Generator, n: int, size: float) -> tuple[Tensor, Tensor]:
        """Logits of scale ``size`` for five classes; every second target is certain, the others are soft."""
        logits, soft = torch.randn(2, n, _CLASSES_OF_EXAMPLES, generator=generator, dtype=torch.float64)
        target = soft.softmax(-1)
        target[::2] = torch.nn.functional.one_hot(soft[::2].argmax(-1), _CLASSES_OF_EXAMPLES).double()
        return size * logits, target

    def workload(self, generator: torch.Generator, elements: int) -> tuple[Tensor, Tensor]:
        """Logits of ten classes and class indices."""
        points = math.ceil(elements / _CLASSES_OF_WORKLOADS)
        logits = torch.randn(points, _CLASSES_OF_WORKLOADS, generator=generator)
        return logits, torch.randint(_CLASSES_OF_WORKLOADS, (points,), generator=generator)

    @staticmethod
    def _axis(input: Tensor) -> int:
        """That of the classes, as in torch: the second, or the only one."""
        return 0 if input.dim() == 1 else 1


CONVENTION = ClassificationCalls()

"""Classification losses are called like ``torch.nn.functional.cross_entropy``."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from ml3zoo.errors import InputError
from ml3zoo.losses.call import Call, may_look_at_values, unless_all
from ml3zoo.losses.conventions.base import CallConvention, TargetOptions

_CLASSES_OF_EXAMPLES = 5
_CLASSES_OF_WORKLOADS = 10


_TOLERANCE = 0.01
"""By which probabilities of a target may miss a sum of 1; half precision rounds."""


class ClassificationCalls(CallConvention):
    """Logits [classes] or [points, classes, ...], and class indices [points, ...] or probabilities like the logits."""

    options = frozenset({"weight", "ignore_index", "label_smoothing", "class_counts"})

    def check(self, input: Tensor, target: Tensor) -> None:
        """Logits of at least two classes, and a class or probabilities for each point."""
        soft = target.is_floating_point() and target.shape == input.shape
        if soft and input.dim() == 1:
            raise InputError(
                f"input and target are {len(input)} numbers each. Single logits z of a binary problem with labels y: "
                "give torch.stack([torch.zeros_like(z), z], 1) and y.long(). Probabilities of the classes of one "
                "point: give input[None] and target[None]."
            )
        if input.dim() == 0 or input.shape[self._axis(input)] < 2:
            raise InputError(
                f"input has shape {tuple(input.shape)}: logits [points, classes, ...] of at least 2 classes were "
                "expected. For single logits z [points] of a binary problem with labels y, give "
                "torch.stack([torch.zeros_like(z), z], 1) and y.long()."
            )
        if soft:
            return
        if target.dim() > 0 and target.shape == input.shape[:-1] and target.shape != self.points(input):
            raise InputError(
                f"target has shape {tuple(target.shape)}, input {tuple(input.shape)}: the classes of the input seem to "
                "be last. Give input.movedim(-1, 1): logits [points, classes, ...] were expected."
            )
        if target.is_floating_point() or target.dtype == torch.bool or target.shape != self.points(input):
            raise InputError(
                f"target has shape {tuple(target.shape)} and type {target.dtype}: for input of shape "
                f"{tuple(input.shape)} class indices (int64) of shape {tuple(self.points(input))}, or probabilities of "
                f"shape {tuple(input.shape)}, were expected."
            )

    def with_options(self, call: Call, options: TargetOptions) -> Call:
        """Ignored points are left out, smoothed targets probabilities, weighted ones count as often as their weight.

        Cross-entropy then has the values, gradients and reductions that torch gives it.
        """
        target, logits = call.known["target"], call.known["logits"]
        labels = not target.is_floating_point()
        if labels and options.ignore_index is not None:
            kept = target != options.ignore_index
            call = call.keeping(unless_all(kept) if may_look_at_values() else kept)
            target = call.known["target"]
        elif not labels and may_look_at_values() and not torch.compiler.is_compiling():
            _check_probabilities(target, call.weights)
        if options.weight is None and not options.label_smoothing:
            return call
        classes = logits.shape[-1]
        weight = logits.new_ones(classes) if options.weight is None else options.weight.to(logits)
        if len(weight) != classes:
            raise InputError(f"weight has a number for each of {len(weight)} classes, input has {classes} classes.")
        if labels:
            target = _one_hot(target, classes, logits.dtype)
        divisor = (target * weight).sum(-1) if labels else logits.new_ones(call.points)
        smoothed = (1 - options.label_smoothing) * target + options.label_smoothing / classes
        copies = (smoothed * weight).sum(-1)
        target = smoothed * weight / copies.clamp_min(torch.finfo(copies.dtype).tiny)[..., None]
        counted = replace(call, known={**call.known, "target": target}).weighted(copies)
        return replace(counted, divisor=divisor if call.weights is None else divisor * call.weights)

    def finite(self, name: str, value: Tensor) -> Tensor:
        """A logit of -inf is a class that cannot be."""
        return value.amax(-1).isfinite() if name == "logits" else value.isfinite()

    def points(self, input: Tensor) -> torch.Size:
        """All axes but that of the classes."""
        axis = self._axis(input)
        return input.shape[:axis] + input.shape[axis + 1 :]

    def classes(self, input: Tensor) -> int:
        """The length of the axis of classes."""
        return input.shape[self._axis(input)]

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
        target[::2] = F.one_hot(soft[::2].argmax(-1), _CLASSES_OF_EXAMPLES).double()
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


def _one_hot(target: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    if not torch.compiler.is_compiling() and may_look_at_values() and bool(((target < 0) | (target >= classes)).any()):
        raise InputError(
            f"a target is none of the classes 0 to {classes - 1} that input has logits for (it has {target.min()} to "
            f"{target.max()}). Count classes from 0, or give the model more outputs."
        )
    return F.one_hot(target, classes).to(dtype)


def _check_probabilities(target: Tensor, weights: Tensor | None) -> None:
    """See that the targets of points that count, [points, classes], are probabilities.

    Raises:
        InputError: they are not.
    """
    total = target.sum(-1)
    wrong = total.isfinite() & (((total - 1).abs() > _TOLERANCE) | (target < -_TOLERANCE).any(-1))
    if bool((wrong if weights is None else wrong & (weights > 0)).any()):
        raise InputError(
            "floating point targets of this shape are probabilities of the classes, and those of each point must add "
            "up to 1; some do not. For several labels per point (y of 0 and 1, logits z, both [points, labels]), give "
            "torch.stack([torch.zeros_like(z), z], 1) and y.long(): each label is a point of two classes."
        )


CONVENTION = ClassificationCalls()

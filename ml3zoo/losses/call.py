"""One call of a loss, made ready: which points count, how much, and how their values become the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from ml3zoo.losses.reductions import Weighting, beside

Reduction = Literal["mean", "sum", "none"]


@dataclass(frozen=True)
class Call:
    """What a call gives, as the signals need it.

    Attributes:
        known: the signals that are given; harmless numbers where a point does not count.
        points: shape of one value per point.
        weights: of the points in values and statistics, [points]; all 1 if None.
        kind: what the weights are.
        divisor: what each point adds to the divisor of a mean, [points]; its weight if None.
        finite: whether a point's numbers are, [points]; all if None. A point of others is left out, its value is NaN.
    """

    known: Mapping[str, Tensor]
    points: torch.Size
    weights: Tensor | None = None
    kind: Weighting = "few left out"
    divisor: Tensor | None = None
    finite: Tensor | None = None

    def keeping(self, kept: Tensor | None) -> Call:
        """The same call without the other points, [points]."""
        if kept is None:
            return self
        known = {name: value.where(beside(kept, value), 0) for name, value in self.known.items()}
        weights = next(iter(self.known.values())).new_ones(self.points) if self.weights is None else self.weights
        divisor = None if self.divisor is None else self.divisor.where(kept, 0)
        kind: Weighting = "some left out" if self.kind == "few left out" else self.kind
        return replace(self, known=known, weights=weights.where(kept, 0), kind=kind, divisor=divisor)

    def weighted(self, weights: Tensor | None) -> Call:
        """The same call, each point that many times, [points]; those of weight 0 are left out."""
        if weights is None:
            return self
        weights = weights.to(next(iter(self.known.values())).dtype)
        total = weights if self.weights is None else self.weights * weights
        divisor = None if self.divisor is None else self.divisor * weights
        return replace(self, weights=total, kind="any", divisor=divisor).keeping(weights > 0)

    def checked(self, finite: Tensor | None) -> Call:
        """The same call without points that are not finite; these get NaN for a value, if they count."""
        if finite is None:
            return self
        counting = finite if self.weights is None else finite | (self.weights == 0)
        return replace(self.keeping(finite), kind=self.kind, finite=counting)

    def reduced(self, value: Tensor, reduction: Reduction, items: Tensor | float | None) -> Tensor:
        """The loss of the values of all points, [points].

        Args:
            value: of each point.
            reduction: ``"mean"``, ``"sum"`` or ``"none"``.
            items: what a mean is divided by, if not by the weights of the points.
        """
        if self.weights is not None:
            value = value.where(self.weights > 0, 0) * self.weights
        if self.finite is not None:
            value = value.where(self.finite, torch.nan)
        if reduction == "none":
            return value
        if reduction == "sum":
            return value.sum()
        if items is not None:
            return value.sum() / torch.as_tensor(items).to(value.dtype).to(value.device)
        if self.weights is None:
            return value.mean()
        divisor = self.weights if self.divisor is None else self.divisor
        return value.sum() / divisor.sum().clamp_min(torch.finfo(value.dtype).tiny)


def unless_all(flags: Tensor) -> Tensor | None:
    """Flags, or None if it costs little to see that all hold."""
    return None if _cheap_to_see(flags) and bool(flags.all()) else flags


def seen_to_fail(flags: Tensor) -> bool:
    """Whether it costs little to see that some flags do not hold."""
    return _cheap_to_see(flags) and not bool(flags.all())


def _cheap_to_see(flags: Tensor) -> bool:
    """On the CPU, and not while a graph is traced."""
    return flags.device.type == "cpu" and not torch.compiler.is_compiling()


def may_read_values(tensor: Tensor) -> bool:
    """Whether numbers may be taken out of tensors like this one, at the cost of waiting for its device."""
    if tensor.is_meta or torch._C._get_tracing_state() is not None or not may_look_at_values():
        return False
    return not (tensor.is_cuda and torch.cuda.is_current_stream_capturing())


def may_look_at_values() -> bool:
    """Whether a call may depend on what is in its tensors: not inside ``torch.func.vmap`` and the like."""
    return not torch._C._are_functorch_transforms_active()

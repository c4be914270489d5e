"""Means, medians and spreads over the points of a batch: weighted, and over all ranks of a training."""

from __future__ import annotations

from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor

SAMPLE = 4096
"""Medians of more than twice as many points are taken over so many of them, spread evenly."""
_GOLDEN = 0.6180339887498949
_WITHOUT_FLOAT64 = {"mps"}
"""Devices."""


Weighting = Literal["few left out", "some left out", "any"]
"""What weights are: 0 or 1, almost all of them or not, or any numbers from 0."""


class Reductions:
    """What the signals of a batch are computed with.

    A weight of ``k`` is ``k`` copies of a point, and one of 0 leaves it out.

    Args:
        points: shape of one value per point.
        weights: of the points, [points]; all 1 if not given.
        kind: what the weights are; it saves time.
        group: ranks that share the batch; this process alone if not given.
    """

    def __init__(
        self,
        points: torch.Size,
        weights: Tensor | None = None,
        *,
        kind: Weighting = "any",
        group: dist.ProcessGroup | None = None,
    ) -> None:
        self.points, self.weights, self.kind, self.group = points, weights, kind, group

    @property
    def plain(self) -> bool:
        """Whether all points count alike and are here."""
        return self.weights is None and self.group is None

    def count(self, like: Tensor) -> Tensor:
        """How many points there are, by their weights, of all ranks; a scalar."""
        here = like.new_full((), float(self.points.numel())) if self.weights is None else self.weights.sum()
        return self._of_all_ranks(here)

    def sum(self, value: Tensor) -> Tensor:
        """Over the points, [points, ...] to [...]; over several ranks without a gradient."""
        return self._of_all_ranks(self._here(value))

    def mean(self, value: Tensor) -> Tensor:
        """Over the points, [points, ...] to [...]; 0 if there are none.

        Over several ranks its gradient is that of the points here: these average their gradients.
        """
        axes = tuple(range(len(self.points)))
        if self.plain:
            return value.mean(axes) if axes else value
        ones = value.new_ones(self.points) if self.weights is None else self.weights
        total, count = self._here(value), ones.sum()
        mean = total / count.clamp_min(torch.finfo(value.dtype).tiny)
        if self.group is None:
            return mean
        totals, counts = self._of_all_ranks(total), self._of_all_ranks(count)
        return mean - mean.detach() + totals / counts.clamp_min(torch.finfo(value.dtype).tiny)

    def spread(self, value: Tensor) -> Tensor:
        """The standard deviation of [points], a scalar."""
        if self.plain:
            return value.std(correction=0)
        return self.mean((value - self.mean(value)).square()).sqrt()

    def largest(self, value: Tensor) -> Tensor:
        """The largest of [points], a scalar; points that are left out count as 0."""
        if self.weights is not None:
            value = value.where(self.weights > 0, 0)
        highest = value.max()
        if self.group is not None:
            highest = highest.detach().clone()
            dist.all_reduce(highest, dist.ReduceOp.MAX, self.group)
        return highest

    def median(self, value: Tensor) -> Tensor:
        """The lower median of [points], a scalar; of very many a sample of ``SAMPLE`` stands for all."""
        value, weights = value.flatten(), None if self.weights is None else self.weights.flatten()
        if not torch.compiler.is_exporting() and value.numel() > 2 * SAMPLE:
            evenly = weights is None or self.kind == "few left out"
            places = _evenly_spread(value.numel(), None if evenly else weights, value.device)
            value, weights = value[places], weights[places] if evenly and weights is not None else None
        if self.group is not None:
            weights = self._gathered(value.new_ones(value.shape) if weights is None else weights)
            value = self._gathered(value)
        if torch.compiler.is_exporting():  # ONNX has no median
            return _weighted_median(value, value.new_ones(value.shape) if weights is None else weights)
        if weights is None:
            return value.median()
        if self.kind != "any":
            return value.where(weights > 0, torch.nan).nanmedian().nan_to_num()
        return _weighted_median(value, weights)

    def _here(self, value: Tensor) -> Tensor:
        """The sum over the points of this process."""
        if self.weights is not None:
            value = value * beside(self.weights, value)
        axes = tuple(range(len(self.points)))
        return value.sum(axes) if axes else value

    def _of_all_ranks(self, value: Tensor) -> Tensor:
        if self.group is None:
            return value
        value = value.detach().clone()
        dist.all_reduce(value, group=self.group)
        return value

    def _gathered(self, value: Tensor) -> Tensor:
        """The values of all ranks, which may have different numbers of them."""
        assert self.group is not None
        ranks = dist.get_world_size(self.group)
        counts = [torch.zeros(1, dtype=torch.int64, device=value.device) for _ in range(ranks)]
        dist.all_gather(counts, torch.tensor([value.numel()], device=value.device), group=self.group)
        lengths = [int(count) for count in counts]
        padded = value.new_zeros(max(lengths))
        padded[: value.numel()] = value.detach()
        parts = [torch.empty_like(padded) for _ in range(ranks)]
        dist.all_gather(parts, padded, group=self.group)
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])


def beside(of_points: Tensor, value: Tensor) -> Tensor:
    """One number for each point, [points], with axes for the rest of [points, ...]."""
    return of_points.view(of_points.shape + (1,) * (value.dim() - of_points.dim()))


def _weighted_median(value: Tensor, weights: Tensor) -> Tensor:
    """The lower median of [points]: the first value with half of the weight at or below it."""
    ordered = value.sort()
    below = weights.gather(0, ordered.indices).cumsum(0)
    return ordered.values.where(below >= below[-1] / 2, torch.inf).amin(0)


def _evenly_spread(points: int, weights: Tensor | None, device: torch.device) -> Tensor:
    """``SAMPLE`` of so many places, each as often as its weight asks.

    They are spread by the golden ratio: no regular order of the points can hide from it.
    """
    shares = torch.arange(SAMPLE, dtype=torch.float64) * _GOLDEN % 1
    if weights is None:
        return (shares * points).long().to(device)
    dtype = torch.float32 if device.type in _WITHOUT_FLOAT64 else torch.float64
    up_to = weights.to(dtype).cumsum(0)
    return torch.searchsorted(up_to, shares.to(dtype).to(device) * up_to[-1], right=True).clamp(max=points - 1)

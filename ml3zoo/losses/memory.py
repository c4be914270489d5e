"""What a loss remembers of the batches before: running means of their statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ml3zoo.format.signals import RUNNING
from ml3zoo.losses.call import may_look_at_values
from ml3zoo.losses.inputs import LossInputs

DECAY = 0.9
"""What is left of a running mean after a step."""


class RunningMeans(NamedTuple):
    """Exponential running means and the sum of the weights in them, which corrects their bias at the start (as Adam's).

    Attributes:
        total: weighted sums of the statistics, [statistics].
        weight: of all batches so far, a scalar; 0 before the first.
    """

    total: Tensor
    weight: Tensor

    @classmethod
    def empty(cls, like: Tensor, statistics: int) -> RunningMeans:
        """Of no batches."""
        return cls(like.new_zeros(statistics), like.new_zeros(()))

    def after(self, statistics: Tensor) -> RunningMeans:
        """A step later, whose batch had these statistics, [statistics]."""
        return RunningMeans(DECAY * self.total + (1 - DECAY) * statistics, DECAY * self.weight + (1 - DECAY))

    def seen(self, statistics: Tensor) -> Tensor:
        """The means, or these statistics where there are no batches before, [statistics]."""
        some = self.weight > 0
        return torch.where(some, self.total / torch.where(some, self.weight, 1.0), statistics)


class Memory(nn.Module):
    """The running means of a loss in a training.

    What a step adds is the mean over all calls of the loss in that step, by their points: so all micro-batches of a
    step see the same, which is what the steps before left. It is state: in ``state_dict()``, and cleared by
    ``reset()``.

    Args:
        names: of the statistics.

    Attributes:
        total, weight: of the steps before, see ``RunningMeans``.
        sums: of the statistics in the calls since, times their points, [statistics].
        points: of these calls, a scalar.
        counts: of the clock at the last call, int64 [3].
    """

    total: Tensor
    weight: Tensor
    sums: Tensor
    points: Tensor
    counts: Tensor

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        for name, value in self._empty().items():
            self.register_buffer(name, value)

    def forward(self, inputs: LossInputs, counts: Tensor, *, in_training: bool) -> dict[str, Tensor]:
        """The running means by name, as signals.

        Args:
            inputs: of this call.
            counts: of the clock: where they have changed since the last call, a step was made.
            in_training: whether the call belongs to a step, and is remembered. Inside transforms such as
                ``torch.func.grad`` nothing is.
        """
        statistics = self.statistics(inputs)
        stepped = (self.counts != counts).any() & (self.points > 0)
        now = RunningMeans(self.total, self.weight)
        later = now.after(self.sums / self.points.clamp_min(1e-30))
        means = RunningMeans(*(torch.where(stepped, new, old) for new, old in zip(later, now, strict=True)))
        if in_training and may_look_at_values():
            points = inputs.count(statistics)
            self.sums.mul_(~stepped).add_(statistics * points)
            self.points.mul_(~stepped).add_(points)
            self.total.copy_(means.total)
            self.weight.copy_(means.weight)
            self.counts.copy_(counts)
        return self.named(means.seen(statistics))

    def statistics(self, inputs: LossInputs) -> Tensor:
        """Those of a call, [statistics]."""
        return torch.stack([inputs[name] for name in self.names])

    def named(self, means: Tensor) -> dict[str, Tensor]:
        """Running means [statistics] as signals by name."""
        return dict(zip((RUNNING + name for name in self.names), means.unbind(), strict=True))

    def reset(self) -> None:
        """Forget everything."""
        for buffer in self.buffers():
            buffer.zero_()

    def _empty(self) -> dict[str, Tensor]:
        each, one = torch.zeros(len(self.names)), torch.zeros(())
        return {
            "total": each,
            "weight": one,
            "sums": each.clone(),
            "points": one.clone(),
            "counts": torch.zeros(3, dtype=torch.int64),
        }

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *others: Any) -> None:
        """A published loss remembers nothing."""
        state = {f"{prefix}{name}": value for name, value in self._empty().items()} | dict(state_dict)
        super()._load_from_state_dict(state, prefix, *others)
        for name, buffer in self.named_buffers():
            setattr(self, name, buffer.clone())  # not those of whom the state is from

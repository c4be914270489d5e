"""How a loss brings its signals to a common scale."""

from __future__ import annotations

import struct

import torch
from torch import Tensor, nn

from ml3zoo.format.config import LossConfig
from ml3zoo.losses.inputs import LossInputs

PUBLISHED = ("shift", "scale")
"""The buffers that are stored with the parameters of a loss."""


class Scaled(nn.Module):
    """A module that looks at the signals of a config, each as ``(value - shift) / scale`` within its limit.

    Attributes:
        config: names the signals.
        shift, scale, limit: of the signals, [signals].
    """

    config: LossConfig
    shift: Tensor
    scale: Tensor
    limit: Tensor

    def register_constants(self) -> None:
        """Make buffers of the constants. The config must be set."""
        for name, values in self.constants().items():
            self.register_buffer(name, values)
        signals = self.config.signals
        self._numbers = [tuple(_float32(each) for each in (s.shift, s.scale, s.limit)) for s in signals]

    def constants(self) -> dict[str, Tensor]:
        """The buffers that the config says: what brings signals to a common scale."""
        names = (*PUBLISHED, "limit")
        return {
            name: torch.tensor([getattr(s, name) for s in self.config.signals], dtype=torch.float32) for name in names
        }

    def columns(self, inputs: LossInputs) -> list[Tensor]:
        """The normalised signals, each shaped like the points, or a scalar where it is one for the whole batch."""
        columns = [inputs.signal(signal) for signal in self.config.signals]
        scalars = [i for i, column in enumerate(columns) if not column.ndim]
        if scalars:  # all at once: a call on a small batch costs as much as it has operations
            together = (columns, self.shift.unbind(), self.scale.unbind(), self.limit.unbind())
            values, shifts, scales, limits = (torch.stack([each[i] for i in scalars]) for each in together)
            normalised = ((values - shifts) / scales).clamp(-limits, limits).unbind()
            for i, value in zip(scalars, normalised, strict=True):
                columns[i] = value
        for i, (shift, scale, limit) in enumerate(self._numbers):
            if columns[i].ndim:
                shifted = columns[i] - shift if shift else columns[i]
                columns[i] = (shifted / scale if scale != 1 else shifted).clamp(-limit, limit)
        return columns

    def features(self, inputs: LossInputs) -> Tensor:
        """The normalised signals of each point as one tensor, [..., signals]."""
        return torch.stack([column.expand(inputs.points) for column in self.columns(inputs)], -1)


def _float32(number: float) -> float:
    """A number as float32 has it, like the buffers."""
    rounded: float = struct.unpack("f", struct.pack("f", number))[0]
    return rounded

"""Family ``matching``: predictions and targets are each placed among learned templates; the loss is their distance.

A template is a curve ``sin(a x)`` over the model's input. How well each template fits a batch of points makes a
softmax over templates, and with it a mean of their learned places. The loss is half the squared distance of the place
of the predictions from that of the targets: a landscape over what the curves are, instead of over their points.
"""

from __future__ import annotations

import math
from typing import Annotated

import torch
from msgspec import Meta
from torch import Tensor, nn

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LossConfig, parse_architecture
from ml3zoo.format.schema import Positive, Strict
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.signals import LossInputs

_SIGNALS = ("feature", "prediction", "target")


class Architecture(Strict, frozen=True):
    """How many templates there are and in how many dimensions they have a place.

    ``reach``: fresh templates have frequencies from minus to plus this.
    """

    templates: Annotated[int, Meta(ge=2, le=4096)]
    dimensions: Annotated[int, Meta(ge=1, le=64)] = 1
    reach: Positive = 5.0


class Loss(LearnedLoss):
    """A learned loss of the family ``matching``; see ``Architecture``.

    The loss belongs to the batch as a whole: with ``reduction="none"`` every point has the same value, which carries
    the gradient of all.

    Attributes:
        frequency: of the templates, [templates].
        place: of the templates, [templates, dimensions].
        log_sharpness: how fast a worse fit counts less, a scalar.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.architecture = parse_architecture(Architecture, config)
        looked_at = tuple(signal.signal for signal in config.signals)
        if looked_at != _SIGNALS:
            raise ConfigError(
                f"a matching loss looks at {', '.join(_SIGNALS)}; {config.name} at {', '.join(looked_at)}."
            )
        templates = self.architecture.templates
        self.frequency = nn.Parameter(torch.zeros(templates))
        self.place = nn.Parameter(torch.zeros(templates, self.architecture.dimensions))
        self.log_sharpness = nn.Parameter(torch.zeros(()))

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of the batch, once for each point."""
        feature, prediction, target = (column.flatten() for column in self.columns(inputs))
        templates = torch.sin(feature[:, None] * self.frequency)
        distance = self._place(prediction, templates) - self._place(target, templates)
        return (0.5 * distance.square().sum()).expand(inputs.points)

    def reset_parameters(self, init: tuple[float, ...] = ()) -> None:
        """Templates in a row of growing frequency, at random places.

        Args:
            init: the sharpness to start from.
        """
        reach, templates = self.architecture.reach, self.architecture.templates
        with torch.no_grad():
            self.frequency.copy_(torch.linspace(-reach, reach, templates))
            self.place.normal_()
            self.log_sharpness.fill_(math.log(init[0] if init else 10.0))

    def _place(self, curve: Tensor, templates: Tensor) -> Tensor:
        """Where a curve stands, [dimensions]."""
        misfit = (curve[:, None] - templates).square().mean(0)
        return torch.softmax(-self.log_sharpness.exp() * misfit, 0) @ self.place

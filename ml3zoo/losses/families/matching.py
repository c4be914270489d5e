"""Family ``matching``: predictions and targets are each matched with learned templates; the loss is their distance.

A template is a curve ``sin(a x)`` over the model's input, with a learned place. A softmax of how well each template
fits a batch of points gives a mean of these places. The loss is half the squared distance between the place of the
predictions and that of the targets: it compares whole curves instead of points.
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
from ml3zoo.losses.inputs import LossInputs

_MISFITS = ("prediction_misfit", "target_misfit")
_SIGNALS = ("feature", "prediction", "target")


class Architecture(Strict, frozen=True):
    """The templates.

    ``templates``: how many there are.
    ``dimensions``: of the space that their places are in.
    ``reach``: fresh templates have frequencies from ``-reach`` to ``reach``.
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
        log_sharpness: logarithm of the softmax's inverse temperature, a scalar.
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

    @property
    def context_names(self) -> tuple[str, ...]:
        """How well the templates fit the whole batch: the loss is its, not a point's."""
        return _MISFITS

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of the batch, repeated for each point."""
        places = [
            torch.softmax(-self.log_sharpness.exp() * misfit, 0) @ self.place
            for misfit in self._misfits(inputs).values()
        ]
        return (0.5 * (places[0] - places[1]).square().sum()).expand(inputs.points)

    def context(self, input: Tensor, target: Tensor, **more: Tensor | None) -> dict[str, Tensor]:
        """How well the templates fit the whole batch; arguments as those of a call."""
        self._check(input, target, more.get("feature"))
        return self._misfits(self._inputs(input, target, **more))

    def _misfits(self, inputs: LossInputs) -> dict[str, Tensor]:
        """The mean square distance of the predictions, and of the targets, from each template, [templates].

        Where a context gives them, their values are those of the whole batch and their gradients those of this call.
        """
        feature, *curves = self.columns(inputs)
        templates = torch.sin(feature[..., None] * self.frequency)
        misfits = {}
        for name, curve in zip(_MISFITS, curves, strict=True):
            here, whole = inputs.mean((curve[..., None] - templates).square()), inputs.given(name)
            misfits[name] = here if whole is None else here - here.detach() + whole
        return misfits

    def reset_parameters(self, init: tuple[float, ...] = ()) -> None:
        """Templates of evenly spaced frequencies at random places.

        Args:
            init: the sharpness to start from, 10 if not given.
        """
        reach, templates = self.architecture.reach, self.architecture.templates
        with torch.no_grad():
            self.frequency.copy_(torch.linspace(-reach, reach, templates))
            self.place.normal_()
            self.log_sharpness.fill_(math.log(init[0] if init else 10.0))

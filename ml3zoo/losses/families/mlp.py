"""Family ``mlp``: a small fully connected network of signals gives each point's loss, or the weights of its terms."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional as F

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LossConfig, parse_architecture
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.layers import Linear, Tanh, fully_connected, linear, outputs_first, reset_linear_layers
from ml3zoo.losses.terms import WeightedTerms

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "tanh": Tanh,
    "softplus": nn.Softplus,
}


_SMALL = -3.0
"""Log weight at which all terms but the first start."""


class Architecture(WeightedTerms, frozen=True, kw_only=True):
    """The network between signals and value.

    ``output="identity"`` or ``"softplus"``: the network gives the loss itself (the paper's form).
    ``output="weight"``: it gives the weights of the terms, see ``WeightedTerms``.
    ``centering``: the network also gives a share in (0, 1) of the batch's mean error, which is taken off each error
    first. A model fits the mean far faster than anything else; a smaller gradient there allows a larger learning rate.
    """

    hidden: Annotated[tuple[Annotated[int, Meta(gt=0, le=4096)], ...], Meta(max_length=8)]
    activation: Literal["relu", "elu", "silu", "tanh", "softplus"] = "tanh"
    bias: bool = True
    skip: bool = False
    output: Literal["identity", "softplus", "weight"] = "weight"
    centering: bool = False

    def __post_init__(self) -> None:
        """Only a weighted squared error can be centred."""
        super().__post_init__()
        if self.centering:
            self.need_weights("centering")
        if self.centering and self.terms:
            raise ValueError("centering is for the squared error alone: leave out terms, or centering")


class Loss(LearnedLoss):
    """A learned loss of the family ``mlp``; see ``Architecture``."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.architecture = parse_architecture(Architecture, config)
        missing = sorted({"error", "mean_error"} - self.problem_type.signals.keys())
        if self.architecture.centering and missing:
            raise ConfigError(
                f"centering needs a signal {missing[0]!r}, which {config.problem_type} losses such as {config.name} do "
                "not have. Leave out centering."
            )
        self.terms = self.architecture.names(config, self.problem_type)
        outputs = len(self.terms) + self.architecture.centering
        sizes = [len(config.signals), *self.architecture.hidden, outputs]
        activation = _ACTIVATIONS[self.architecture.activation]
        self.network = fully_connected(sizes, activation, bias=self.architecture.bias)
        self.skip = Linear(sizes[0], sizes[-1], bias=False) if self.architecture.skip else None

    @property
    def statistics(self) -> list[str]:
        """Centering looks at the mean error too."""
        return sorted({*super().statistics, "mean_error"}) if self.architecture.centering else super().statistics

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of each point."""
        outputs, axis = self._outputs(inputs)
        if self.architecture.output != "weight":
            output = outputs.select(axis, 0)
            return F.softplus(output) if self.architecture.output == "softplus" else output
        if self.architecture.centering:
            z, share = outputs.unbind(axis)
            error = inputs["error"] - share.sigmoid() * inputs["mean_error"]
            return error.square() * self.architecture.weights(z)
        return self.architecture.weighted_sum(inputs, self.terms, outputs, axis)

    def _outputs(self, inputs: LossInputs) -> tuple[Tensor, int]:
        """What the network says of each point, and the axis of its outputs."""
        columns, (first, *others) = self.columns(inputs), self.network
        assert isinstance(first, nn.Linear)
        if not others:
            weight = first.weight if self.skip is None else first.weight + self.skip.weight
            return outputs_first(weight, first.bias, columns, inputs.points), 0
        last = others.pop()
        assert isinstance(last, nn.Linear)
        weight, bias = self._first_and_skip(first)
        hidden = linear(weight, bias, columns, inputs.points)
        straight = hidden[..., first.out_features :]
        hidden = hidden[..., : first.out_features]
        for layer in others:
            hidden = layer(hidden)
        outputs = F.linear(hidden, last.weight, last.bias)
        return (outputs if self.skip is None else outputs + straight), -1

    def _first_and_skip(self, first: nn.Linear) -> tuple[Tensor, Tensor | None]:
        """The first layer and the skip connection as one layer: weight and bias."""
        if self.skip is None:
            return first.weight, first.bias
        bias = None if first.bias is None else F.pad(first.bias, (0, self.skip.out_features))
        return torch.cat([first.weight, self.skip.weight]), bias

    def formula(self) -> str | None:
        """Written out for one weighted term without hidden layers."""
        one_term = self.architecture.output == "weight" and not self.architecture.terms
        if self.architecture.hidden or self.skip is not None or not one_term:
            return None
        layer = self.network[0]
        assert isinstance(layer, nn.Linear)
        biases = torch.zeros(layer.out_features) if layer.bias is None else layer.bias
        sums = [self._sum(weights, bias) for weights, bias in zip(layer.weight.tolist(), biases.tolist(), strict=True)]
        ordinary = self.problem_type.signals[self.terms[0]]
        term = "(error - c * mean_error)^2" if self.architecture.centering else ordinary.formula or ordinary.name
        formula = self.architecture.formula([term], sums[:1])
        return "\n".join([formula, *(f"c = sigmoid({total})" for total in sums[1:])])

    def _sum(self, weights: list[float], bias: float) -> str:
        pairs = zip(weights, self.config.signals, strict=True)
        return f"{bias:.3f}" + "".join(f" {'-' if w < 0 else '+'} {abs(w):.3f} * {signal}" for w, signal in pairs)

    def reset_parameters(self, init: tuple[float, ...] = ()) -> None:
        """Xavier weights and zero biases. Where the output is a weight, its weights start small or as in ``init``.

        Where weights are bounded together, that of the first term alone starts as 1.

        Args:
            init: first the weights from each signal straight to the ``z`` of the first term, which needs a skip
                connection or no hidden layer; then, if there are more, the ``z`` at which the other terms start.
        """
        reset_linear_layers(self)
        if self.architecture.output == "weight":
            last = self.network[-1]
            assert isinstance(last, nn.Linear)
            nn.init.normal_(last.weight, std=0.3 / math.sqrt(last.in_features))
            straight = last if self.skip is None else self.skip
            weights, others = init[: straight.in_features], init[straight.in_features :]
            if others:
                last.bias.data[1:] = torch.tensor(others)
            elif self.architecture.terms:
                last.bias.data[1:] = _SMALL
            if self.architecture.largest_total > 1 and self.architecture.bias:
                last.bias.data[0] = -math.log(1 - 1 / self.architecture.largest_total)
            if self.skip is not None:
                nn.init.zeros_(self.skip.weight)
            if weights:
                straight.weight.data[0] = torch.tensor(weights)

"""Family ``mlp``: signals through a small fully connected network give each point's loss, or its weight."""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from ml3zoo.config import LossConfig, Strict, parse_architecture
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.signals import RegressionBatch

_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "softplus": nn.Softplus,
}


class Architecture(Strict):
    """The network between signals and value.

    ``output="identity"`` or ``"softplus"``: the network gives the loss itself (the paper's form).
    ``output="weight"``: the loss is the squared error times ``exp(b * tanh(z / b))``, ``b`` the ``weight_bound``.
    """

    hidden: tuple[Annotated[int, Field(gt=0, le=4096)], ...] = Field(max_length=8)
    activation: Literal["relu", "elu", "silu", "tanh", "softplus"] = "tanh"
    bias: bool = True
    skip: bool = False
    output: Literal["identity", "softplus", "weight"] = "weight"
    weight_bound: float = Field(3.0, gt=0, le=10)


class Loss(LearnedLoss):
    """A learned loss of the family ``mlp``; see ``Architecture``."""

    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.architecture = parse_architecture(Architecture, config)
        sizes = [len(config.signals), *self.architecture.hidden, 1]
        layers: list[nn.Module] = []
        for width_in, width_out in itertools.pairwise(sizes):
            layers += [nn.Linear(width_in, width_out, bias=self.architecture.bias)]
            layers += [_ACTIVATIONS[self.architecture.activation]()]
        self.network = nn.Sequential(*layers[:-1])
        self.skip = nn.Linear(sizes[0], 1, bias=False) if self.architecture.skip else None

    def value(self, features: Tensor, batch: RegressionBatch) -> Tensor:
        """The loss of each point."""
        output: Tensor = self.network(features).squeeze(-1)
        if self.skip is not None:
            output = output + self.skip(features).squeeze(-1)
        if self.architecture.output == "weight":
            bound = self.architecture.weight_bound
            return batch.error.square() * (bound * (output / bound).tanh()).exp()
        return F.softplus(output) if self.architecture.output == "softplus" else output

    def reset_parameters(self, prior: tuple[float, ...] = ()) -> None:
        """Xavier weights and zero biases; a weighting loss starts near the squared error, or near its ``prior``.

        Args:
            prior: weights of the skip connection to start from, one per signal.
        """
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)
        if self.architecture.output == "weight":
            last = self.network[-1]
            assert isinstance(last, nn.Linear)
            nn.init.normal_(last.weight, std=0.3 / math.sqrt(last.in_features))
            if self.skip is not None:
                start = torch.tensor(prior or [0.0] * self.skip.in_features)
                self.skip.weight.data.copy_(start[None])

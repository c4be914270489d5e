"""Small fully connected networks inside losses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import nn


def fully_connected(sizes: Sequence[int], activation: type[nn.Module], *, bias: bool = True) -> nn.Sequential:
    """Linear layers of these sizes with the activation between them."""
    layers: list[nn.Module] = []
    for width_in, width_out in itertools.pairwise(sizes):
        layers += [nn.Linear(width_in, width_out, bias=bias), activation()]
    return nn.Sequential(*layers[:-1])


def reset_linear_layers(module: nn.Module) -> None:
    """Xavier weights and zero biases in all linear layers."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

"""The networks that are trained under a loss, n at a time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Activation = Literal["ReLU", "LeakyReLU", "GELU", "SiLU", "tanh"]
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
    "GELU": nn.GELU,
    "SiLU": nn.SiLU,
    "tanh": nn.Tanh,
}


@dataclass(frozen=True)
class MLP:
    """A fully connected network: ``MLP((1, 100, 10, 1), "ReLU")``."""

    sizes: tuple[int, ...]
    activation: Activation
    init: Literal["default", "xavier"] = "default"

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.sizes))} {self.activation}"

    def build(self) -> nn.Module:
        """One network, its weights drawn from torch's global generator."""
        layers: list[nn.Module] = []
        for width_in, width_out in itertools.pairwise(self.sizes):
            layers += [nn.Linear(width_in, width_out), _ACTIVATIONS[self.activation]()]
        if self.init == "xavier":
            for layer in layers[::2]:
                assert isinstance(layer, nn.Linear)
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        return nn.Sequential(*layers[:-1])

    def sample(self, generator: torch.Generator, n: int) -> dict[str, Tensor]:
        """Initial parameters of n networks, each tensor with a leading axis of n. Leaves the global generator alone."""
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks = [dict(self.build().named_parameters()) for _ in range(n)]
        return {name: torch.stack([network[name].detach() for network in networks]) for name in networks[0]}

"""The networks that are trained under a loss, many at once."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
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


class Optimizee(ABC):
    """A network that is trained under a loss; ``str`` describes it for a table."""

    @abstractmethod
    def build(self) -> nn.Module:
        """One network, its weights drawn from torch's global generator."""

    def skeleton(self) -> nn.Module:
        """A network for ``functional_call``; its own weights are never used. Leaves the global generator alone."""
        with torch.random.fork_rng(devices=[]):
            return self.build()

    def sample(self, generator: torch.Generator, n: int) -> dict[str, Tensor]:
        """Initial parameters of n networks, each tensor with a leading axis of n. Leaves the global generator alone."""
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks = [dict(self.build().named_parameters()) for _ in range(n)]
        return {name: torch.stack([network[name].detach() for network in networks]) for name in networks[0]}


@dataclass(frozen=True)
class MLP(Optimizee):
    """A fully connected network: ``MLP((1, 100, 10, 1), "ReLU")``; of two sizes, a linear map."""

    sizes: tuple[int, ...]
    activation: Activation = "ReLU"
    init: Literal["default", "xavier"] = "default"

    def __str__(self) -> str:
        written = "-".join(map(str, self.sizes))
        return f"{written} linear" if len(self.sizes) == 2 else f"{written} {self.activation}"

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


@dataclass(frozen=True)
class CNN(Optimizee):
    """A small convolutional network on flattened square images: 3 x 3 kernels, halved in size after each layer."""

    side: int
    channels: tuple[int, ...]
    outputs: int
    activation: Activation = "ReLU"

    def __str__(self) -> str:
        return f"CNN {'-'.join(map(str, self.channels))} {self.activation}"

    def build(self) -> nn.Module:
        """One network, its weights drawn from torch's global generator."""
        layers: list[nn.Module] = [nn.Unflatten(-1, (1, self.side, self.side))]
        for width_in, width_out in itertools.pairwise((1, *self.channels)):
            layers += [nn.Conv2d(width_in, width_out, 3, stride=2, padding=1), _ACTIVATIONS[self.activation]()]
        side = self.side
        for _ in self.channels:
            side = (side + 1) // 2
        return nn.Sequential(*layers, nn.Flatten(-3), nn.Linear(self.channels[-1] * side**2, self.outputs))

"""The networks that are trained under a loss, many at once."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from ml3zoo.errors import InputError

Activation = Literal["ReLU", "LeakyReLU", "GELU", "SiLU", "tanh"]
_ACTIVATIONS: dict[str, type[nn.Module]] = {
    "ReLU": nn.ReLU,
    "LeakyReLU": nn.LeakyReLU,
    "GELU": nn.GELU,
    "SiLU": nn.SiLU,
    "tanh": nn.Tanh,
}
Normalisation = Literal["none", "batch", "layer"]
_OF_VECTORS: dict[Normalisation, Callable[[int], list[nn.Module]]] = {
    "none": lambda width: [],
    "batch": lambda width: [nn.BatchNorm1d(width)],
    "layer": lambda width: [nn.LayerNorm(width)],
}
_OF_IMAGES: dict[Normalisation, Callable[[int], list[nn.Module]]] = {
    "none": lambda width: [],
    "batch": lambda width: [nn.BatchNorm2d(width)],
    "layer": lambda width: [nn.GroupNorm(1, width)],
}
_DISPLAY: dict[Normalisation, str] = {"none": "", "batch": ", batch norm", "layer": ", layer norm"}


class Optimizee(ABC):
    """A network that is trained under a loss; ``str`` describes it for a table."""

    @abstractmethod
    def build(self) -> nn.Module:
        """One network, its weights drawn from torch's global generator."""

    def skeleton(self, *, training: bool = True) -> nn.Module:
        """A network for ``functional_call``; its own weights are never used. Leaves the global generator alone.

        Args:
            training: in training mode, where batch normalisation uses the minibatch's statistics and writes running
                ones into the buffers that the call is given; else in evaluation mode, where it uses those.

        Raises:
            InputError: the network drops activations at random.
        """
        with torch.random.fork_rng(devices=[]):
            network = self.build().train(training)
        for name, module in network.named_modules():
            if isinstance(module, _DropoutNd) and module.p:
                raise InputError(
                    f"{self} has dropout ({name}): it draws from torch's global generator, which networks that are "
                    "trained side by side do not share. Build it without, or with p=0."
                )
            if getattr(module, "num_batches_tracked", None) is not None:
                if module.momentum is None:
                    raise InputError(
                        f"{self} has batch normalisation ({name}) with momentum=None: running means over all steps are "
                        "not supported. Give it a momentum, such as 0.1."
                    )
                module.num_batches_tracked = None  # only momentum=None needs it, and integers have no gradient
        return network

    def buffers(self, n: int) -> dict[str, Tensor]:
        """Initial running statistics of n networks, each tensor with a leading axis of n; empty if there are none."""
        return {name: x.expand(n, *x.shape).clone() for name, x in self.skeleton().named_buffers()}

    def sample(self, generator: torch.Generator, n: int) -> dict[str, Tensor]:
        """Initial parameters of n networks, each tensor with a leading axis of n. Leaves the global generator alone."""
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            networks = [dict(self.build().named_parameters()) for _ in range(n)]
        return {name: torch.stack([network[name].detach() for network in networks]) for name in networks[0]}


@dataclass(frozen=True)
class MLP(Optimizee):
    """A fully connected network: ``MLP((1, 100, 10, 1), "ReLU")``; of two sizes, a linear map.

    Attributes:
        sizes: inputs, width of each hidden layer, outputs.
        activation: after each hidden layer.
        init: of the weights: torch's, or Xavier's with zero biases.
        normalisation: between a hidden layer and its activation.
    """

    sizes: tuple[int, ...]
    activation: Activation = "ReLU"
    init: Literal["default", "xavier"] = "default"
    normalisation: Normalisation = "none"

    def __str__(self) -> str:
        written = "-".join(map(str, self.sizes))
        described = f"{written} linear" if len(self.sizes) == 2 else f"{written} {self.activation}"
        return described + _DISPLAY[self.normalisation]

    def build(self) -> nn.Module:
        """One network, its weights drawn from torch's global generator."""
        *hidden, last = (nn.Linear(*widths) for widths in itertools.pairwise(self.sizes))
        layers: list[nn.Module] = []
        for layer in hidden:
            layers += [layer, *_OF_VECTORS[self.normalisation](layer.out_features), _ACTIVATIONS[self.activation]()]
        if self.init == "xavier":
            for layer in (*hidden, last):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        return nn.Sequential(*layers, last)


@dataclass(frozen=True)
class CNN(Optimizee):
    """A small convolutional network on flattened square images: 3 x 3 kernels, halved in size after each layer.

    Attributes:
        side: of an image, in pixels.
        channels: of each convolution.
        outputs: of the linear layer at the end.
        activation: after each convolution.
        normalisation: between a convolution and its activation; ``"layer"`` is over all channels and places.
    """

    side: int
    channels: tuple[int, ...]
    outputs: int
    activation: Activation = "ReLU"
    normalisation: Normalisation = "none"

    def __str__(self) -> str:
        return f"CNN {'-'.join(map(str, self.channels))} {self.activation}{_DISPLAY[self.normalisation]}"

    def build(self) -> nn.Module:
        """One network, its weights drawn from torch's global generator."""
        layers: list[nn.Module] = [nn.Unflatten(-1, (1, self.side, self.side))]
        for width_in, width_out in itertools.pairwise((1, *self.channels)):
            layers += [nn.Conv2d(width_in, width_out, 3, stride=2, padding=1)]
            layers += [*_OF_IMAGES[self.normalisation](width_out), _ACTIVATIONS[self.activation]()]
        side = self.side
        for _ in self.channels:
            side = (side + 1) // 2
        return nn.Sequential(*layers, nn.Flatten(-3), nn.Linear(self.channels[-1] * side**2, self.outputs))

"""Policies: small networks side by side, one for each world of a vector environment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import torch
from torch import Tensor, nn

from ml3zoo.errors import InputError, did_you_mean
from ml3zoo.format.environment import AffineScales, normalise
from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.optimizees import MLP, Activation

_WIDEST, _DEEPEST = 4096, 8
_ACTIVATIONS: dict[str, Activation] = {name.lower(): name for name in get_args(Activation)}


def parse_policy(text: str, states: int, actions: int) -> MLP:
    """The network that a text such as ``"64-32 ReLU"`` describes: hidden layers, then the activation between them.

    Args:
        text: what a user typed.
        states: numbers that are observed.
        actions: numbers that are done.

    Raises:
        InputError: the text describes no network.
    """
    found = re.fullmatch(r"\s*(\d{1,5}(?:-\d{1,5})*)\s+(\w+)\s*", text)
    if not found:
        raise InputError(
            f'policy is {text!r}: hidden layers and an activation were expected, such as "64 tanh" or "64-32 ReLU".'
        )
    hidden = tuple(int(width) for width in found[1].split("-"))
    if len(hidden) > _DEEPEST or not all(0 < width <= _WIDEST for width in hidden):
        raise InputError(
            f"policy has hidden layers {found[1]}: up to {_DEEPEST} layers of 1 to {_WIDEST} units were expected."
        )
    activation = _ACTIVATIONS.get(found[2].lower())
    if activation is None:
        raise InputError(
            f"policy has activation {found[2]!r}: one of {', '.join(_ACTIVATIONS.values())} was expected."
            f"{did_you_mean(found[2], _ACTIVATIONS.values())}"
        )
    return MLP((states, *hidden, actions), activation)


@dataclass(frozen=True)
class Policies:
    """Networks of one architecture.

    Attributes:
        network: the architecture.
        sees: what is done to each number of a state before the network sees it.
        weights: by their names in ``network.build()``, each [policies, ...].
    """

    network: MLP
    sees: AffineScales
    weights: Tensors

    def __call__(self, states: Tensor) -> Tensor:
        """Actions [..., policies, actions] in states [..., policies, states], each policy in its own."""
        values = normalise(states, self.sees)
        for name, layer in self._layers:
            if isinstance(layer, nn.Linear):
                weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
                values = torch.einsum("...pi,poi->...po", values, weight) + bias
            else:
                values = layer(values)
        return values

    @cached_property
    def _layers(self) -> list[tuple[str, nn.Module]]:
        return list(self.network.skeleton().named_children())

    def learning(self) -> Policies:
        """The same with weights that take a gradient."""
        return Policies(self.network, self.sees, {name: nn.Parameter(p) for name, p in self.weights.items()})

    def parameters(self) -> list[nn.Parameter]:
        """The weights of policies that are learning."""
        return [p for p in self.weights.values() if isinstance(p, nn.Parameter)]

    def copied(self) -> Policies:
        """The same, without a gradient, untouched by what is done to these."""
        return Policies(self.network, self.sees, {name: p.detach().clone() for name, p in self.weights.items()})

    def only(self, which: int) -> Policies:
        """One of them alone."""
        return Policies(self.network, self.sees, {name: p[which : which + 1] for name, p in self.weights.items()})

    def where(self, these: Tensor, others: Policies) -> Policies:
        """These policies where ``these`` [policies] is true, the others elsewhere."""
        chosen = {
            name: torch.where(these.view(-1, *[1] * (p.dim() - 1)), p, others.weights[name])
            for name, p in self.weights.items()
        }
        return Policies(self.network, self.sees, chosen)

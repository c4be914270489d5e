"""Policies: small networks side by side, one for each environment of a vector environment."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import get_args

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

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
        states: numbers in a state.
        actions: numbers in an action.

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
    """Networks of one architecture, each with weights of its own.

    Attributes:
        network: the architecture.
        observation_normaliser: applied to each number of a state before the network sees it.
        weights: by their names in ``network.build()``, each [policies, ...].
    """

    network: MLP
    observation_normaliser: AffineScales
    weights: Tensors

    def __call__(self, states: Tensor) -> Tensor:
        """From states [..., policies, states] to actions [..., policies, actions], each policy in its own states."""
        return self._forward(self.weights, normalise(states, self.observation_normaliser))

    @cached_property
    def _forward(self) -> Callable[[Tensors, Tensor], Tensor]:
        skeleton = self.network.skeleton()

        def forward(weights: Tensors, states: Tensor) -> Tensor:
            actions: Tensor = functional_call(skeleton, weights, (states,))
            return actions

        vmapped: Callable[[Tensors, Tensor], Tensor] = vmap(forward, in_dims=(0, -2), out_dims=-2)
        return vmapped

    def trainable(self) -> Policies:
        """The same policies with weights that take a gradient."""
        return replace(self, weights={name: nn.Parameter(p) for name, p in self.weights.items()})

    def parameters(self) -> list[nn.Parameter]:
        """The weights of trainable policies."""
        return [p for p in self.weights.values() if isinstance(p, nn.Parameter)]

    def copy(self) -> Policies:
        """The same policies as they are now, without a gradient."""
        return replace(self, weights={name: p.detach().clone() for name, p in self.weights.items()})

    def pick(self, index: int) -> Policies:
        """One of the policies alone."""
        return replace(self, weights={name: p[index : index + 1] for name, p in self.weights.items()})

    def where(self, condition: Tensor, others: Policies) -> Policies:
        """These policies where a condition [policies] is true, the others elsewhere."""
        weights = {
            name: torch.where(condition.view(-1, *[1] * (p.dim() - 1)), p, others.weights[name])
            for name, p in self.weights.items()
        }
        return replace(self, weights=weights)

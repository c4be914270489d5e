"""Whether a model has changed between two of its predictions."""

from __future__ import annotations

import weakref
from dataclasses import dataclass

from torch import Tensor
from torch.autograd.graph import Node

_LOOKED_AT = 16
"""Numbers of a parameter that are looked at: those who write to ``parameter.data`` leave no other trace."""


@dataclass(frozen=True)
class Fingerprint:
    """One parameter of the model that a prediction comes from, as it was then.

    Attributes:
        parameter: the parameter; None if it was not found.
        version: how often it was written to.
        start: its first numbers.
    """

    parameter: weakref.ref[Tensor] | None
    version: int
    start: tuple[float, ...]

    @classmethod
    def of(cls, prediction: Tensor) -> Fingerprint | None:
        """That of the model behind a prediction; None if its graph shows no parameter."""
        parameter = _parameter(prediction)
        if parameter is None:
            return None
        gathered = parameter.untyped_storage().nbytes() > 0  # FSDP lets go of what it gathered for the forward pass
        start = parameter.detach().flatten()[:_LOOKED_AT].tolist() if gathered else ()
        return cls(weakref.ref(parameter), parameter._version, tuple(start))

    @classmethod
    def unknown(cls) -> Fingerprint:
        """One that no other equals."""
        return cls(None, -1, ())


def _parameter(prediction: Tensor) -> Tensor | None:
    """The first leaf that a graph leads to."""
    if prediction.is_leaf:
        return prediction
    nodes: list[Node | None] = [prediction.grad_fn]
    seen: set[Node] = set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, Tensor):
            return leaf
        seen.add(node)
        nodes += [each for each, _ in node.next_functions]
    return None

"""What learned and ordinary losses have in common: who calls a loss need not know which it is.

Every loss is an ``nn.Module`` called as ``loss(input=, target=)``. A loss that makes use of more says so in
``uses``, a set of names of arguments:

- ``"feature"``: more about each point, often the model's input;
- ``"progress"``: the share of the training done;
- ``"context"``: statistics of the batch. Such a loss has a method ``context(input=, target=)`` that gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor, nn


def call_arguments(loss: nn.Module, arguments: Mapping[str, Tensor], **more: Tensor) -> dict[str, Any]:
    """Those of the arguments that a loss makes use of.

    Args:
        loss: learned or ordinary.
        arguments: input, target and, if there is one, a feature.
        more: a progress, for example.
    """
    wanted = {"input", "target", *_uses(loss)}
    return {name: value for name, value in {**arguments, **more}.items() if name in wanted}


def context_argument(loss: nn.Module, arguments: Callable[[], Mapping[str, Tensor]]) -> dict[str, Any]:
    """The argument ``context`` with the statistics of a batch, with their gradient; none if the loss uses none.

    Args:
        loss: learned or ordinary.
        arguments: gives input, target and, if there is one, a feature; called only if they are needed.
    """
    if "context" not in _uses(loss):
        return {}
    context: Any = loss.context
    return {"context": context(**arguments())}


def _uses(loss: nn.Module) -> Collection[str]:
    uses: Collection[str] = getattr(loss, "uses", ())
    return uses

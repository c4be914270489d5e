"""What learned and ordinary losses have in common: who calls a loss need not know which it is.

Every loss is an ``nn.Module`` called as ``loss(input=, target=)``. A loss that makes use of more says so in
``uses``, a set of names of arguments:

- ``"feature"``: more about each point, often the model's input;
- ``"class_counts"``: how many training points each class has, [classes];
- ``"progress"``: the share of the training done;
- ``"context"``: statistics of the batch. Such a loss has a method ``context(input=, target=)`` that gives them. One
  that looks at their running means has ``remember(means, input=, target=)`` too, and names them in ``remembered``;
- ``"index"``: the places of the points among the training rows, [points]. Such a loss remembers something of each row:
  ``empty_memory(input)`` gives what before the first step, from the model's outputs for all rows, and
  ``remember(memory, input=, target=, index=)`` what after a step, with the argument ``context``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor, nn

from ml3zoo.losses.memory import RunningMeans


def call_arguments(loss: nn.Module, arguments: Mapping[str, Tensor], **more: Tensor) -> dict[str, Any]:
    """Those of the arguments that a loss makes use of.

    Args:
        loss: learned or ordinary.
        arguments: input, target and, if there is one, a feature.
        more: a progress, for example.
    """
    wanted = {"input", "target", *_uses(loss)}
    return {name: value for name, value in {**arguments, **more}.items() if name in wanted}


def context_of(loss: nn.Module, arguments: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The statistics of a batch, with their gradient, for the argument ``context``; none if the loss uses none.

    Args:
        loss: learned or ordinary.
        arguments: gives input, target and, if there is one, a feature; called only if they are needed.
    """
    if "context" not in _uses(loss):
        return {}
    context: Callable[..., dict[str, Tensor]] = loss.context  # type: ignore[assignment]
    return context(**call_arguments(loss, arguments()))


def empty_memory(loss: nn.Module, like: Tensor, outputs: Callable[[], Tensor]) -> dict[str, Tensor]:
    """What a loss remembers before the first step, [tasks, ...] each; nothing if it needs no memory.

    Args:
        loss: learned or ordinary.
        like: a tensor [tasks, ...].
        outputs: gives the networks' outputs for all rows, [tasks, rows, ...]; called only if they are needed.
    """
    if "index" in _uses(loss):
        of_rows: Callable[[Tensor], dict[str, Tensor]] = loss.empty_memory  # type: ignore[assignment]
        return of_rows(outputs())
    statistics = len(getattr(loss, "remembered", ()))
    means = RunningMeans(like.new_zeros(len(like), statistics), like.new_zeros(len(like)))
    return means._asdict() if statistics else {}


def remember(
    loss: nn.Module, memory: Mapping[str, Tensor], arguments: Callable[[], Mapping[str, Tensor]]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What a loss remembers after a step, and what it sees in it: (part of) the argument ``context``.

    Args:
        loss: learned or ordinary.
        memory: what it remembers of the steps before.
        arguments: as for ``context_of``.
    """
    if not memory:
        return {}, {}
    given = call_arguments(loss, arguments())
    if "index" in _uses(loss):
        of_rows: Callable[..., tuple[dict[str, Tensor], dict[str, Tensor]]] = loss.remember  # type: ignore[assignment]
        return of_rows(memory, **given)
    pure: Callable[..., tuple[RunningMeans, dict[str, Tensor]]] = loss.remember  # type: ignore[assignment]
    means, context = pure(RunningMeans(**memory), **given)
    return means._asdict(), context


def _uses(loss: nn.Module) -> Collection[str]:
    uses: Collection[str] = getattr(loss, "uses", ())
    return uses

"""Networks that fit tables, of many inputs or few, and what all families of tasks on tables share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ml3zoo.errors import InputError
from ml3zoo.tasks.base import Tasks, Tensors
from ml3zoo.tasks.optimizees import Optimizee
from ml3zoo.tasks.tables.dealing import DealtTables, TableSource
from ml3zoo.tasks.tables.lists import MeasuredTable


@dataclass(frozen=True, kw_only=True)
class OnTables:
    """A family whose tasks are rows of real tables.

    A task is a draw of a table, of rows and of initial weights. A network on a table of few inputs begins, and trains,
    as one that has no others: the weights of its first layer are of that size, and inputs beyond the table's are zero.

    Attributes:
        source: of rows and true targets.
        optimizee: the network: as many inputs as the source has features, as many outputs as it needs.
        points: training rows, log-uniform between these two, as far as the table has them.
        validation: rows to choose runs by.
        held_out: rows with true targets, for objective and metric.
    """

    source: TableSource
    optimizee: Optimizee
    points: tuple[int, int] = (150, 1500)
    validation: int = 100
    held_out: int = 300

    network: nn.Module = field(init=False, repr=False, compare=False)
    evaluated: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_sizes(self.optimizee, self.source)
        object.__setattr__(self, "network", self.optimizee.skeleton())
        object.__setattr__(self, "evaluated", self.optimizee.skeleton(training=False))

    @staticmethod
    def rows_of(table: MeasuredTable) -> dict[str, Any]:
        """All rows of one table, as the settings of a family."""
        return {
            "points": (table.training, table.training),
            "validation": table.validation,
            "held_out": table.held_out,
        }

    def deal(self, generator: torch.Generator, n: int) -> DealtTables:
        """Rows of n tasks."""
        return self.source.sample(generator, n, self.points, self.validation, self.held_out)

    def tasks(self, generator: torch.Generator, n: int, dealt: DealtTables, data: Tensors) -> Tasks:
        """N tasks with fresh networks that have as many inputs as their tables."""
        initial = narrow(self.optimizee.sample(generator, n), self.source.features, dealt.features)
        return Tasks(data, initial, self.optimizee.buffers(n))


def check_sizes(optimizee: Optimizee, source: TableSource) -> None:
    """A network has as many inputs and outputs as its source needs.

    Raises:
        InputError: it has not.
    """
    try:
        outputs = optimizee.skeleton()(torch.zeros(2, source.features)).shape[1]
    except RuntimeError as error:
        raise InputError(
            f"{optimizee} does not take {source.features} inputs, as many as its source has features: {error}. "
            "Change the network's sizes or the source's features."
        ) from error
    if outputs != source.outputs:
        raise InputError(
            f"{optimizee} has {outputs} outputs: {source.outputs} were expected for {source}. "
            "Change the network's sizes or the source."
        )


def narrow(initial: Tensors, features: int, used: Tensor) -> Tensors:
    """Initial parameters as of networks with fewer inputs; torch draws a layer by one over the root of their number.

    As the other inputs are zero, such networks also train as if they had none of them.

    Args:
        initial: parameters of n networks.
        features: their inputs.
        used: inputs that each is to have, [n].

    Raises:
        InputError: they begin with anything but a linear layer.
    """
    if bool((used == features).all()):
        return initial
    weight, bias = list(initial)[:2]
    if initial[weight].shape[2:] != (features,) or initial[bias].dim() != 2:
        raise InputError(
            f"a table has {int(used.min())} inputs, its task {features}: only a network that begins with a linear "
            "layer can be filled up. Choose tables of equal size, or an MLP."
        )
    grown = (features / used).sqrt()
    return initial | {weight: initial[weight] * grown[:, None, None], bias: initial[bias] * grown[:, None]}

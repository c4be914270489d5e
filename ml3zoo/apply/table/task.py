"""A table as a family of tasks: the same rows for every network; only the initial weights differ."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ml3zoo.apply.table.table import Table
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.optimizees import MLP


@dataclass(frozen=True)
class TableTask(TaskFamily):
    """A table as the training engine sees it: a task is a network with its own initial weights.

    Attributes:
        table: what is learned.
        optimizee: the network, with as many outputs as the target needs.
        network: its skeleton.
    """

    table: Table
    optimizee: MLP
    network: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.optimizee.skeleton())

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """The same rows n times, each with initial weights of its own."""
        data = {"x": self.table.x[split], "y": self.table.y[split]}
        return Tasks(
            {name: part.expand(n, *part.shape) for name, part in data.items()}, self.optimizee.sample(generator, n)
        )

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Outputs [rows, outputs], and targets as the table encodes them."""
        return {"input": functional_call(self.network, params, (data["x"],)), "target": data["y"]}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """The problem type's ordinary loss: mean squared error on the standardised target, or cross-entropy."""
        ordinary: Tensor = getattr(nn.functional, self.table.target.problem_type.functional)(
            **self.loss_arguments(params, data)
        )
        return ordinary

    def outputs(self, params: Tensors, split: Split) -> Tensor:
        """Outputs of all networks, [networks, rows, outputs]."""
        with torch.no_grad():
            x = self.table.x[split]
            output: Tensor = vmap(lambda one: functional_call(self.network, one, (x,)))(params)
        return output

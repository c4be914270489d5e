"""A table dealt many times: a task is a random split into rows to train, validate and test on, and initial weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ml3zoo.apply.table.table import Table
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.optimizees import MLP

_SUFFIXES: dict[Split, str] = {"train": "", "valid": "_valid", "test": "_test"}


@dataclass(frozen=True)
class TableSplits(TaskFamily):
    """A table as the training engine sees it.

    Attributes:
        table: what is learned.
        optimizee: the network, with as many outputs as the target needs.
        network: its skeleton.
        known: arguments of losses that are known of all targets together.
    """

    table: Table
    optimizee: MLP
    network: nn.Module = field(init=False, repr=False, compare=False)
    known: tuple[str, ...] = field(init=False, repr=False, compare=False)

    rows: ClassVar = ("x", "y")

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.optimizee.skeleton())
        object.__setattr__(self, "known", tuple(self.table.target.known(self.table.y)))

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """The first n splits of the table, each with initial weights of its own: ``x``, ``y`` and those of other parts.

        The splits are the same whatever the generator.
        """
        table, data = self.table, dict[str, Tensor]()
        dealt = [table.deal(seed) for seed in range(n)]
        for part, suffix in _SUFFIXES.items():
            rows = torch.stack([torch.from_numpy(each[part]) for each in dealt])
            data["x" + suffix], data["y" + suffix] = table.x[rows], table.y[rows]
        for name in self.known:
            data[name] = torch.stack([table.target.known(y)[name] for y in data["y"]])
        return Tasks(data, self.optimizee.sample(generator, n))

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Outputs [rows, outputs], targets as the table encodes them, and what is known of all of them."""
        known = {name: data[name] for name in self.known}
        return {"input": functional_call(self.network, params, (data["x"],)), "target": data["y"], **known}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """The problem type's ordinary loss: mean squared error on the standardised target, or cross-entropy."""
        ordinary: Tensor = getattr(nn.functional, self.table.target.problem_type.functional)(
            functional_call(self.network, params, (data["x"],)), data["y"]
        )
        return ordinary

    def outputs(self, params: Tensors, x: Tensor) -> Tensor:
        """Outputs of all networks, each on inputs of its own [networks, rows, features]: [networks, rows, outputs]."""
        with torch.no_grad():
            output: Tensor = vmap(lambda one, inputs: functional_call(self.network, one, (inputs,)))(params, x)
        return output

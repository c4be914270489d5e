"""A table as a task: the same rows for every network, which differ in their initial weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ml3zoo.tabular import Table
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.optimizees import MLP


@dataclass(frozen=True)
class TableTask(TaskFamily):
    """The engine's view of a table: a task is a seed of the network."""

    table: Table
    optimizee: MLP
    network: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            object.__setattr__(self, "network", self.optimizee.build())

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N networks on the same rows."""
        data = {"x": self.table.x[split], "y": self.table.y[split]}
        return Tasks(
            {name: part.expand(n, *part.shape) for name, part in data.items()}, self.optimizee.sample(generator, n)
        )

    def signals(self, params: Tensors, data: Tensors) -> Tensors:
        """Predictions and targets, [rows, 1]."""
        return {"input": functional_call(self.network, params, (data["x"],)), "target": data["y"]}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """Mean squared error on the standardised target."""
        arguments = self.signals(params, data)
        return (arguments["input"] - arguments["target"]).square().mean()

    def predict(self, params: Tensors, split: Split) -> Tensor:
        """Standardised predictions of all networks, [networks, rows]."""
        with torch.no_grad():
            x = self.table.x[split]
            output: Tensor = vmap(lambda one: functional_call(self.network, one, (x,)))(params)
        return output.squeeze(-1)

    def errors(self, params: Tensors, split: Split) -> NDArray[np.float64]:
        """Standardised mean squared error of each network; infinite if it diverged."""
        error = (self.predict(params, split) - self.table.y[split].T).double().square().mean(1)
        return error.nan_to_num(math.inf, math.inf).numpy()

"""Small fully connected networks inside losses."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ml3zoo.losses.call import may_look_at_values


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent from the logistic function, which torch computes about four times as fast on CPUs.

    Not inside ``torch.func``: meta-training differentiates twice, and then one function costs less than four.
    """
    return 2 * torch.sigmoid(2 * x) - 1 if may_look_at_values() else x.tanh()


class Tanh(nn.Module):
    """``torch.nn.Tanh``, only faster."""

    def forward(self, x: Tensor) -> Tensor:
        """The hyperbolic tangent of each element."""
        return tanh(x)


class KeepsFrozen(nn.Module):
    """A module in which a parameter that replaces a frozen one is frozen too.

    Hugging Face's ``from_pretrained`` puts new parameters in the place of those of a model, and of a loss within it.
    """

    def register_parameter(self, name: str, param: nn.Parameter | None) -> None:
        """Add or replace a parameter."""
        replaced = self._parameters.get(name)
        super().register_parameter(name, param)
        if replaced is not None and param is not None:
            param.requires_grad_(replaced.requires_grad)


class Linear(KeepsFrozen, nn.Linear):
    """A linear layer of a loss."""


def fully_connected(sizes: Sequence[int], activation: type[nn.Module], *, bias: bool = True) -> nn.Sequential:
    """Linear layers of these sizes with the activation between them."""
    layers: list[nn.Module] = []
    for width_in, width_out in itertools.pairwise(sizes):
        layers += [Linear(width_in, width_out, bias=bias), activation()]
    return nn.Sequential(*layers[:-1])


def reset_linear_layers(module: nn.Module) -> None:
    """Xavier weights and zero biases in all linear layers."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def shared_and_own(weight: Tensor, bias: Tensor | None, columns: Sequence[Tensor]) -> tuple[Tensor | None, list[int]]:
    """The part of a linear layer that is the same for all points, [outputs], and the numbers of the other columns.

    There is no such part without a bias where all columns are of points.

    Args:
        weight: of the layer, [outputs, columns].
        bias: of the layer, if it has one.
        columns: each shaped like the points, or a scalar where all points have the same.
    """
    of_points = [i for i, column in enumerate(columns) if column.ndim]
    if len(of_points) == len(columns):
        return bias, of_points
    zero = weight.new_zeros(())
    same = torch.stack([zero if column.ndim else column for column in columns])
    return nn.functional.linear(same, weight, bias), of_points


def linear(weight: Tensor, bias: Tensor | None, columns: Sequence[Tensor], points: torch.Size) -> Tensor:
    """A linear layer of columns, [*points, outputs]."""
    shared, of_points = shared_and_own(weight, bias, columns)
    if shared is not None and not of_points:
        return shared.expand(*points, -1)
    own = torch.stack([columns[i] for i in of_points], -1)
    if len(of_points) < len(columns):
        each = weight.unbind(1)
        weight = torch.stack([each[i] for i in of_points], 1)
    return nn.functional.linear(own, weight, shared)


def outputs_first(weight: Tensor, bias: Tensor | None, columns: Sequence[Tensor], points: torch.Size) -> Tensor:
    """A linear layer of columns, [outputs, *points], for a few outputs: no column is copied."""
    shared, of_points = shared_and_own(weight, bias, columns)
    total = weight.new_zeros(len(weight)) if shared is None else shared
    ones = [1] * len(points)
    total = total.view(-1, *ones)
    each = weight.unbind(1)
    for i in of_points:
        total = torch.addcmul(total, each[i].view(-1, *ones), columns[i])
    return total.expand(-1, *points)

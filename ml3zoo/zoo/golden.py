"""Golden tensors: inputs with a loss's values and gradients on them, stored beside the weights and replayed later."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ml3zoo.errors import IntegrityError
from ml3zoo.losses.base import LearnedLoss

_BATCHES, _POINTS = 8, 16
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12
"""Tolerances. In float64 machines and versions differ only in the last digits."""


def golden_shapes(loss: LearnedLoss) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a loss's golden tensors, which are float64. It has all of these and no others."""
    inputs = _inputs(loss)
    return {name: tuple(tensor.shape) for name, tensor in inputs.items()} | {
        "value": (_BATCHES, *loss.convention.points(inputs["prediction"][0])),
        "gradient": tuple(inputs["prediction"].shape),
    }


def record_golden(loss: LearnedLoss) -> dict[str, Tensor]:
    """A loss's golden tensors: batches of predictions from nearly right to far off, at growing progress."""
    return _evaluate(loss, _inputs(loss))


def replay_golden(loss: LearnedLoss, golden: dict[str, Tensor]) -> None:
    """Compute the golden values and gradients again and compare.

    Args:
        loss: the loss.
        golden: tensors of the names and shapes of ``golden_shapes``, all finite.

    Raises:
        IntegrityError: a value or gradient differs.
    """
    now = _evaluate(loss, golden)
    for name in ("value", "gradient"):
        if not torch.allclose(now[name], golden[name], rtol=_RELATIVE, atol=_ABSOLUTE):
            worst = (now[name] - golden[name]).abs().max().item()
            raise IntegrityError(
                f"{loss.config.name} does not reproduce its golden {name} (largest difference {worst:.3g}): these are "
                "not the weights that were measured, or this ml3zoo computes them differently. Pull it again."
            )


def _inputs(loss: LearnedLoss) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    sizes = torch.logspace(-4, 2, _BATCHES).tolist()
    examples = [loss.example(generator, _POINTS, size) for size in sizes]
    inputs = {name: torch.stack([example[name] for example in examples]) for name in examples[0]}
    inputs["prediction"] = inputs.pop("input")
    return inputs | {"progress": torch.linspace(0, 1, _BATCHES, dtype=torch.float64)}


def _evaluate(loss: LearnedLoss, golden: dict[str, Tensor]) -> dict[str, Tensor]:
    inputs = {name: tensor for name, tensor in golden.items() if name not in ("value", "gradient")}
    loss = copy.deepcopy(loss).to("cpu", torch.float64).reset()
    loss.reduction = "none"
    values, gradients = [], []
    for batch in zip(*inputs.values(), strict=True):
        arguments = dict(zip(inputs, batch, strict=True))
        prediction = arguments.pop("prediction").detach().requires_grad_()
        value = loss(prediction, **arguments)
        gradients.append(torch.autograd.grad(value.sum(), prediction)[0])
        values.append(value.detach())
        loss.advance()  # what it remembers of a batch shows in the next
    return inputs | {"value": torch.stack(values), "gradient": torch.stack(gradients)}

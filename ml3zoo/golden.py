"""Golden tensors: inputs with a loss's values and gradients, stored beside the weights and replayed when in doubt."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from ml3zoo.errors import IntegrityError
from ml3zoo.losses.base import LearnedLoss

_BATCHES, _POINTS = 8, 16
_RELATIVE, _ABSOLUTE = 1e-9, 1e-12
"""Everything is computed in float64, where machines and versions differ only in the last digits."""

SHAPES: dict[str, tuple[int, ...]] = {
    "prediction": (_BATCHES, _POINTS),
    "target": (_BATCHES, _POINTS),
    "progress": (_BATCHES,),
    "value": (_BATCHES, _POINTS),
    "gradient": (_BATCHES, _POINTS),
}
"""What a loss's golden tensors are: all of these and no others, in float64."""


def record_golden(loss: LearnedLoss) -> dict[str, Tensor]:
    """Golden tensors of a loss: batches of errors from tiny to wild, at growing progress."""
    generator = torch.Generator().manual_seed(0)
    shape = (_BATCHES, _POINTS)
    target = torch.randn(shape, generator=generator, dtype=torch.float64)
    size = torch.logspace(-4, 2, _BATCHES, dtype=torch.float64)[:, None]
    prediction = target + size * torch.randn(shape, generator=generator, dtype=torch.float64)
    progress = torch.linspace(0, 1, _BATCHES, dtype=torch.float64)
    return _evaluate(loss, {"prediction": prediction, "target": target, "progress": progress})


def replay_golden(loss: LearnedLoss, golden: dict[str, Tensor]) -> None:
    """Compute the golden tensors anew and compare.

    Args:
        loss: the loss.
        golden: tensors of the names and shapes of ``SHAPES``, all finite.

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


def _evaluate(loss: LearnedLoss, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    loss = copy.deepcopy(loss).to("cpu", torch.float64)
    loss.reduction = "none"
    values, gradients = [], []
    for prediction, target, progress in zip(inputs["prediction"], inputs["target"], inputs["progress"], strict=True):
        prediction = prediction.detach().requires_grad_()
        value = loss(prediction, target, progress=progress)
        gradients.append(torch.autograd.grad(value.sum(), prediction)[0])
        values.append(value.detach())
    kept = {name: inputs[name] for name in ("prediction", "target", "progress")}
    return kept | {"value": torch.stack(values), "gradient": torch.stack(gradients)}

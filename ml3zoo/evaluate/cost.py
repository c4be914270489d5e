"""What a loss costs beside the ordinary one of its problem type."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import nn

from ml3zoo.format.results import CostResult
from ml3zoo.losses import LearnedLoss


def measure_cost(loss: LearnedLoss, sizes: tuple[int, ...]) -> tuple[CostResult, ...]:
    """Median time of forward + backward against the problem type's ordinary loss, in µs, by number of elements."""
    ordinary: Callable[..., torch.Tensor] = getattr(nn.functional, loss.problem_type.functional)
    learned = partial(loss, progress=torch.tensor(0.5))
    rows = []
    for size in sizes:
        arguments = loss.workload(torch.Generator().manual_seed(0), size)
        prediction, target = arguments.pop("input").requires_grad_(), arguments.pop("target")
        functional_target = loss.convention.functional_target(prediction, target)
        ours = _seconds(partial(_forward_backward, partial(learned, **arguments), prediction, target), size)
        theirs = _seconds(partial(_forward_backward, ordinary, prediction, functional_target), size)
        rows.append(
            CostResult(
                elements=prediction.numel(),
                learned_us=round(ours * 1e6, 1),
                ordinary_us=round(theirs * 1e6, 1),
                ordinary=loss.problem_type.functional,
            )
        )
    return tuple(rows)


def _forward_backward(function: Callable[..., torch.Tensor], prediction: torch.Tensor, target: torch.Tensor) -> None:
    torch.autograd.backward(function(prediction, target))


def _seconds(work: Callable[[], None], size: int) -> float:
    times = []
    for _ in range(9 if size >= 100_000 else 50):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return float(np.median(times))

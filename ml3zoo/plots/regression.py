"""Pictures of regression losses."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.contour import ContourSet
from numpy.typing import NDArray
from torch import Tensor

from ml3zoo.losses import LearnedLoss
from ml3zoo.plots.context import errors_of
from ml3zoo.plots.style import Axes, Figure, styled

_DECADES = 4
"""How far a loss surface is shown below its highest point."""
_TYPICAL = 0.6745
"""Median absolute error over root mean square, for normal errors."""


def draw_loss(loss: LearnedLoss) -> dict[str, Figure]:
    """The loss as a surface over prediction and target, if it looks at no feature besides."""
    return {} if loss.config.uses_feature else {"surface": draw_surface(loss)}


@styled
def draw_surface(loss: LearnedLoss) -> Figure:
    """The loss over prediction and target, beside the squared error.

    At three stages of a training, if the loss looks at progress or the batch.
    """
    axis = torch.linspace(-2.5, 2.5, 101)
    target, prediction = torch.meshgrid(axis, axis, indexing="ij")
    stages = [(0.0, 1.0), (0.5, 0.5), (0.9, 0.2)] if loss.uses_progress or loss.statistics else [(0.0, 1.0)]
    figure = Figure(figsize=(3.25 * (len(stages) + 1), 3.6), layout="constrained")
    panels = figure.subplots(1, len(stages) + 1, sharey=True)
    surfaces = {"squared error": (prediction - target).square()}
    for progress, error in stages:
        context = f"\nbatch error {error:g}, mean error 0, progress {progress:g}" if len(stages) > 1 else ""
        surfaces[loss.config.name + context] = _at(loss, prediction, target, progress, error)
    surfaces = {title: _positive(value) for title, value in surfaces.items()}
    highest = torch.stack(list(surfaces.values())).log10().amax().item()
    levels = np.linspace(highest - _DECADES, highest, 8 * _DECADES + 1)
    for panel, (title, value) in zip(panels, surfaces.items(), strict=True):
        filled = _surface(panel, axis, value.log10().clamp(levels[0], levels[-1]), levels, title)
    panels[0].set_ylabel("target")
    ticks = np.arange(np.ceil(levels[0]), np.floor(levels[-1]) + 1)
    bar = figure.colorbar(filled, ax=panels, ticks=ticks, shrink=0.8, pad=0.01)
    bar.ax.set_yticklabels([f"{10.0**tick:g}" for tick in ticks])
    bar.set_label("loss")
    return figure


def _at(loss: LearnedLoss, prediction: Tensor, target: Tensor, progress: float, error: float) -> Tensor:
    context = errors_of(loss, error, _TYPICAL * error)
    previous, loss.reduction = loss.reduction, "none"
    try:
        with torch.no_grad():
            value: Tensor = loss(prediction, target, progress=torch.tensor(progress), context=context)
            return value
    finally:
        loss.reduction = previous


def _positive(value: Tensor) -> Tensor:
    """A loss that has a logarithm: zero, negative numbers and NaN become the smallest positive number."""
    return value.nan_to_num(nan=0.0).clamp_min(torch.finfo(value.dtype).tiny)


def _surface(axes: Axes, axis: Tensor, value: Tensor, levels: NDArray[np.float64], title: str) -> ContourSet:
    filled = axes.contourf(axis.numpy(), axis.numpy(), value.numpy(), levels=levels, cmap="viridis")
    every = levels[::4]
    axes.contour(axis, axis, value, levels=every, colors="white", linewidths=0.4, linestyles="-")
    axes.grid(False)
    axes.set_title(title)
    axes.set_xlabel("prediction")
    axes.set_aspect("equal")
    return filled

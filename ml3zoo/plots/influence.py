"""Influence functions: the gradient of a point's loss by its error."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.ordinary import GeneralRobustLoss
from ml3zoo.plots.context import errors_of
from ml3zoo.plots.style import LEARNED, ORDINARY, PALE, Figure, styled

_ASYMMETRY = {-0.5: ":", 0.0: "-", 0.5: "--"}
"""How far the batch's large errors lie to one side, and the line style that shows it."""
_STAGES = {0.0: 1.0, 0.5: 0.4, 1.0: 0.25}
"""Progress of a training, and its typical error at that progress, in units of the typical target."""
_TAIL = 2.2
"""Root mean square of the errors over the typical error, in a batch with a few large errors."""


@styled
def draw_influence(loss: LearnedLoss) -> Figure:
    """The influence function (gradient of a point's loss by its error) at three stages of a training.

    For batches whose large errors lie on both sides alike, below or above; beside Cauchy's loss. Each curve is scaled
    to a largest value of 1: the learning rate sets its height, only its shape matters.
    """
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    panels = figure.subplots(1, len(_STAGES), sharey=True)
    error = torch.linspace(-4, 4, 401)
    cauchy = _gradient(GeneralRobustLoss(0.0, 0.2), error)
    for panel, (progress, typical) in zip(panels, _STAGES.items(), strict=True):
        for asymmetry, style in _ASYMMETRY.items():
            known = errors_of(loss, _TAIL * typical, typical, asymmetry)
            gradient = _gradient(loss, error, progress=torch.tensor(progress), context=known)
            panel.plot(error, gradient, style, color=LEARNED, zorder=3, label=f"asymmetry {asymmetry:g}")
        panel.plot(error, cauchy, color=ORDINARY, alpha=0.7, label="Cauchy, scale 0.2")
        panel.set(xlabel="error / typical target", xlim=(-4, 4))
        panel.set_title(f"progress {progress:g}, typical error {typical:g}")
        panel.axhline(0, color=PALE, linewidth=0.6)
    panels[0].set(ylabel="gradient of the loss, scaled")
    panels[0].legend(fontsize=7)
    return figure


def _gradient(loss: nn.Module, error: Tensor, **arguments: object) -> Tensor:
    prediction = error.clone().requires_grad_()
    gradient = torch.autograd.grad(loss(prediction, torch.zeros_like(error), **arguments), prediction)[0]
    return gradient / gradient.abs().amax()

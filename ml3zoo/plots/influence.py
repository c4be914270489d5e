"""How far a point may pull on a regression, by its error."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.ordinary import GeneralRobustLoss
from ml3zoo.plots.context import errors_of
from ml3zoo.plots.style import LEARNED, ORDINARY, PALE, Figure, tidy

_ASYMMETRY = {-0.5: ":", 0.0: "-", 0.5: "--"}
"""How far the batch's large errors lie to one side, and how it is drawn."""
_MOMENTS = {0.0: 1.0, 0.5: 0.4, 1.0: 0.25}
"""Progress of a training, and the typical error then, in units of the typical target."""
_TAIL = 2.2
"""Root mean square of the errors over the typical one: what a few large ones make of it."""


def draw_influence(loss: LearnedLoss) -> Figure:
    """The slope of a point's loss by its error (its influence function), at three moments of a training.

    For batches whose large errors lie to both sides alike, below or above; beside Cauchy's loss. Each curve is scaled
    to a largest value of 1: only where it bends matters, its height is the learning rate's business.
    """
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    panels = figure.subplots(1, len(_MOMENTS), sharey=True)
    error = torch.linspace(-4, 4, 401)
    cauchy = _slope(GeneralRobustLoss(0.0, 0.2), error)
    for panel, (progress, typical) in zip(panels, _MOMENTS.items(), strict=True):
        for asymmetry, style in _ASYMMETRY.items():
            known = errors_of(loss, _TAIL * typical, typical, asymmetry)
            slope = _slope(loss, error, progress=torch.tensor(progress), context=known)
            panel.plot(error, slope, style, color=LEARNED, label=f"asymmetry {asymmetry:g}")
        panel.plot(error, cauchy, color=ORDINARY, alpha=0.7, label="Cauchy, scale 0.2")
        panel.set(xlabel="error / typical target", xlim=(-4, 4))
        panel.set_title(f"progress {progress:g}, typical error {typical:g}", fontsize=9)
        panel.axhline(0, color=PALE, linewidth=0.6)
        tidy(panel)
    panels[0].set(ylabel="slope of the loss, scaled")
    panels[0].legend(fontsize=7, frameon=False)
    return figure


def _slope(loss: nn.Module, error: Tensor, **arguments: object) -> Tensor:
    prediction = error.clone().requires_grad_()
    slope = torch.autograd.grad(loss(prediction, torch.zeros_like(error), **arguments), prediction)[0]
    return slope / slope.abs().amax()

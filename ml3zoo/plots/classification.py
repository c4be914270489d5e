"""Pictures of classification losses."""

from __future__ import annotations

import torch

from ml3zoo.losses import LearnedLoss, call_arguments
from ml3zoo.plots.style import LEARNED, ORDINARY, PALE, Figure, styled

_CLASSES = 10


def draw_loss(loss: LearnedLoss) -> dict[str, Figure]:
    """The loss by the probability of the target."""
    return {"by_probability": draw_by_probability(loss)}


@styled
def draw_by_probability(loss: LearnedLoss) -> Figure:
    """Loss of one point, and its negative gradient with respect to the target's logit, beside cross-entropy.

    Of ten classes, all but the target's are equally likely. If the loss looks at progress or the batch, at three stages
    of a training, up to three times the batch's mean probability. All classes have as many training points.
    """
    figure = Figure(figsize=(8.5, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    stages = [(0.0, 0.1), (0.5, 0.5), (1.0, 0.8)] if loss.uses_progress or loss.statistics else [(0.0, 0.5)]
    for (progress, mean), style in zip(stages, ("-", "--", ":"), strict=False):
        p = torch.linspace(0.002, min(3 * mean, 0.998), 250)
        label = f"{loss.config.name}, progress {progress:g}, batch mean {mean:g}"
        for panel, values in zip(panels, _value_and_gradient(loss, p, progress, mean), strict=True):
            panel.plot(p, values, style, color=LEARNED, zorder=3, label=label)
    p = torch.linspace(0.002, 0.998, 250)
    panels[0].plot(p, -p.log(), color=ORDINARY, label="cross-entropy")
    panels[1].plot(p, 1 - p, color=ORDINARY, label="cross-entropy")
    panels[0].set(ylabel="loss", ylim=(0, 5))
    panels[1].set(ylabel="negative gradient, target's logit", ylim=(-2, 4))
    for panel in panels:
        panel.set(xlabel="probability of the target", xlim=(0, 1))
        panel.axhline(0, color=PALE, linewidth=0.6)
    panels[1].legend(fontsize=7.5)
    return figure


def _value_and_gradient(
    loss: LearnedLoss, p: torch.Tensor, progress: float, mean: float
) -> tuple[torch.Tensor, torch.Tensor]:
    statistics = {"classes": float(_CLASSES), "class_shares": 1 / _CLASSES}
    context = {name: torch.tensor(statistics.get(name, mean)) for name in loss.statistics}
    logits = torch.zeros(len(p), _CLASSES)
    logits[:, 0] = (p / (1 - p) * (_CLASSES - 1)).log()
    logits.requires_grad_()
    previous, loss.reduction = loss.reduction, "none"
    try:
        target = torch.zeros(len(p), dtype=torch.long)
        given = {"input": logits, "target": target, "class_counts": torch.ones(_CLASSES)}
        value = loss(**call_arguments(loss, given), progress=torch.tensor(progress), context=context)
    finally:
        loss.reduction = previous
    negative_gradient = -torch.autograd.grad(value.sum(), logits)[0][:, 0]
    return value.detach(), negative_gradient

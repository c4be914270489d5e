"""How a loss of two classes moves points that have no label."""

from __future__ import annotations

import torch
from torch import Tensor

from ml3zoo.losses import LearnedLoss
from ml3zoo.plots.context import context_of
from ml3zoo.plots.style import LEARNED, ORDINARY, PALE, Figure, styled

_SHARES = {0.5: "-", 0.2: "--"}
"""Share of a class in the batch's mean prediction, and the line style that shows it."""
_BATCH = {"mean_certainty": 0.3, "mean_confidence": 0.85, "mean_probability": 0.6, "agreement": 0.95, "classes": 2.0}
"""The other statistics of the batch: three of ten points have a label."""
_ENTROPY, _BALANCE = 0.3, 2.0


@styled
def draw_unlabelled(loss: LearnedLoss) -> Figure:
    """The negative gradient of an unlabelled point's loss by a class's logit, at three stages of a training.

    Over the probability that the model gives that class, for batches whose mean prediction is balanced or has too
    little of it; beside information maximisation. Above zero the probability grows.
    """
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    p = torch.linspace(0.003, 0.997, 250)
    for panel, progress in zip(panels, (0.0, 0.5, 1.0), strict=True):
        for share, style in _SHARES.items():
            label = f"class has {share:.0%} of the batch"
            panel.plot(p, _negative_gradient(loss, p, progress, share), style, color=LEARNED, zorder=3, label=label)
            panel.plot(p, _information_gradient(p, share), style, color=ORDINARY, alpha=0.7)
        panel.set(title=f"progress {progress:g}", xlabel="probability of the class", xlim=(0, 1))
        panel.axhline(0, color=PALE, linewidth=0.6)
    panels[0].plot([], [], color=ORDINARY, alpha=0.7, label="information maximisation")
    panels[0].set(ylabel="negative gradient, class's logit")
    panels[0].legend(fontsize=7)
    return figure


def _negative_gradient(loss: LearnedLoss, p: Tensor, progress: float, share: float) -> Tensor:
    shares = torch.tensor([1 - share, share])
    logits = torch.stack([torch.zeros_like(p), p.logit()], -1).requires_grad_()
    value = loss(
        logits,
        torch.full_like(logits, 0.5),
        progress=torch.tensor(progress),
        context=context_of(loss, class_shares=shares, **_BATCH),
    )
    return -len(p) * torch.autograd.grad(value, logits)[0][:, 1]


def _information_gradient(p: Tensor, share: float) -> Tensor:
    """The same for the entropy of the prediction minus twice that of the mean one, weight 0.3."""
    odds = torch.tensor(share).logit()
    return _ENTROPY * p * (1 - p) * (p.logit() - _BALANCE * odds)

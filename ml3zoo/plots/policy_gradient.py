"""Pictures of policy-gradient losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ml3zoo.losses import LearnedLoss, call_arguments
from ml3zoo.losses.ordinary import ClippedSurrogate, DiscoveredPolicyOptimization
from ml3zoo.plots.context import context_of
from ml3zoo.plots.style import LEARNED, ORDINARY, OTHERS, PALE, Figure, styled

_DIVERGENCE, _FAR = 0.01, 0.2
"""Of the minibatch that the picture assumes."""


def draw_loss(loss: LearnedLoss) -> dict[str, Figure]:
    """What the loss does to the probability of an action."""
    return {"pull": draw_pull(loss)}


@styled
def draw_pull(loss: LearnedLoss) -> Figure:
    """The negative gradient by the log-ratio, for actions that were better and worse than expected."""
    figure = Figure(figsize=(8.5, 3.6), layout="constrained")
    panels = figure.subplots(1, 2)
    ratio = torch.linspace(0.6, 1.5, 300)
    stages = ((0.0, "-"), (0.5, "--"), (1.0, ":")) if loss.uses_progress else ((0.0, "-"),)
    for panel, advantage in zip(panels, (1.0, -1.0), strict=True):
        for other, name, colour in (
            (ClippedSurrogate(), "PPO, clip 0.2", ORDINARY),
            (DiscoveredPolicyOptimization(), "DPO", OTHERS[1]),
        ):
            panel.plot(ratio, _pull(other, ratio, advantage), color=colour, label=name)
        for progress, style in stages:
            label = f"{loss.config.name}, progress {progress:g}"
            panel.plot(ratio, _pull(loss, ratio, advantage, progress), style, color=LEARNED, zorder=3, label=label)
        panel.axhline(0, color=PALE, linewidth=0.6)
        panel.axvline(1, color=PALE, linewidth=0.6)
        panel.set(xlabel="new over old probability of the action", title=f"advantage {advantage:+g}")
    panels[0].set(ylabel="pull upwards: - d loss / d log-ratio")
    panels[1].legend(fontsize=7.5)
    return figure


def _pull(loss: nn.Module, ratio: Tensor, advantage: float, progress: float = 0.0) -> Tensor:
    log_ratio = ratio.log().requires_grad_()
    given = {"input": log_ratio, "target": torch.full_like(ratio, advantage), "feature": torch.ones_like(ratio)}
    arguments = call_arguments(loss, given, progress=torch.tensor(progress))
    if isinstance(loss, LearnedLoss) and loss.statistics:
        arguments["context"] = context_of(loss, divergence=_DIVERGENCE, far=_FAR)
    value: Tensor = loss(**arguments)
    (slope,) = torch.autograd.grad(value, log_ratio)
    return -len(ratio) * slope

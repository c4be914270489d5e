"""Pictures of trajectory losses."""

from __future__ import annotations

import torch

from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.families.trajectory import Loss
from ml3zoo.plots.style import Figure

_MOMENTS = (0.0, 0.5, 1.0)


def draw_loss(loss: LearnedLoss) -> dict[str, Figure]:
    """Where the loss wants actions to go, if it tells and a state can be shown in a plane."""
    if not isinstance(loss, Loss) or loss.architecture.output != "target_action":
        return {}
    in_a_plane = len(loss.state_scale) == 2 and len(loss.action_scale) == 1
    return {"target_action": draw_target_action(loss)} if in_a_plane else {}


def draw_target_action(loss: Loss) -> Figure:
    """The action at which the loss is least, over states of two numbers, at moments of a training."""
    moments = _MOMENTS if loss.uses_progress else (0.0,)
    axes_of = [m + s * torch.linspace(-1.5, 1.5, 101) for m, s in zip(loss.state_shift, loss.state_scale, strict=True)]
    states = torch.stack(torch.meshgrid(*axes_of, indexing="ij"), -1)
    goals = loss.goal_shift.expand(*states.shape[:-1], -1)
    limit = float(loss.action_scale)
    figure = Figure(figsize=(0.9 + 3.1 * len(moments), 3.3), layout="constrained")
    panels = figure.subplots(1, len(moments), sharey=True, squeeze=False)[0]
    for panel, progress in zip(panels, moments, strict=True):
        with torch.no_grad():
            aims = loss.target_action(states, goals, progress)[..., 0]
        mesh = panel.pcolormesh(*axes_of, aims.T, cmap="RdBu_r", vmin=-limit, vmax=limit, shading="gouraud")
        title = f"progress {progress:g}" if loss.uses_progress else loss.config.name
        panel.set(title=title, xlabel="first number of the state")
    panels[0].set_ylabel("second number of the state")
    figure.colorbar(mesh, ax=panels, label="action aimed at")
    return figure

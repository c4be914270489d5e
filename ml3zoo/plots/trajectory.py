"""Pictures of trajectory losses."""

from __future__ import annotations

import torch

from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.families.trajectory import Loss
from ml3zoo.plots.style import Figure, styled

_STAGES = (0.0, 0.5, 1.0)


def draw_loss(loss: LearnedLoss) -> dict[str, Figure]:
    """The target action, if the loss has one and states are points of a plane."""
    if not isinstance(loss, Loss) or loss.architecture.output != "target_action":
        return {}
    in_a_plane = len(loss.state_scale) == 2 and len(loss.action_scale) == 1
    return {"target_action": draw_target_action(loss)} if in_a_plane else {}


@styled
def draw_target_action(loss: Loss) -> Figure:
    """The target action over states of two numbers, at stages of a training if the loss looks at progress."""
    stages = _STAGES if loss.uses_progress else (0.0,)
    axes_of = [m + s * torch.linspace(-1.5, 1.5, 101) for m, s in zip(loss.state_shift, loss.state_scale, strict=True)]
    states = torch.stack(torch.meshgrid(*axes_of, indexing="ij"), -1)
    goals = loss.goal_shift.expand(*states.shape[:-1], -1)
    limit = float(loss.action_scale)
    figure = Figure(figsize=(0.9 + 3.1 * len(stages), 3.3), layout="constrained")
    panels = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
    for panel, progress in zip(panels, stages, strict=True):
        with torch.no_grad():
            actions = loss.target_action(states, goals, progress)[..., 0]
        panel.grid(False)
        mesh = panel.pcolormesh(*axes_of, actions.T, cmap="RdBu_r", vmin=-limit, vmax=limit, shading="gouraud")
        title = f"progress {progress:g}" if loss.uses_progress else loss.config.name
        panel.set(title=title, xlabel="first number of the state")
    panels[0].set_ylabel("second number of the state")
    figure.colorbar(mesh, ax=panels, label="target action")
    return figure

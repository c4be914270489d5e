"""Where a car drives under a policy that learns."""

from __future__ import annotations

import torch

from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.estimators.base import expand
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import Adam
from ml3zoo.plots.style import LEARNED, ORDINARY, Figure, tidy
from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.mountain_car import MountainCar

_POLICIES = 20


def draw_roads(loss: LearnedLoss, tasks: MountainCar) -> Figure:
    """Positions over an episode of fresh policies after some gradient steps at the recommended rate under Adam.

    Args:
        loss: of trajectories.
        tasks: the car and the policies.
    """
    steps = loss.config.inner.steps
    shown = sorted({0, steps // 5, steps // 2, steps})
    run = InnerRun(Adam(), loss.config.inner.lr, steps)
    drawn = tasks.sample(torch.Generator().manual_seed(7), _POLICIES, "test")
    roads: dict[int, torch.Tensor] = {}

    def observe(step: int, params: Tensors) -> None:
        if step in shown:
            roads[step] = torch.func.vmap(tasks.roll_out)(params, drawn.data["start"])[..., 0]

    phi = {name: p.detach() for name, p in loss.named_parameters()}
    with torch.no_grad():
        run(run.step(loss, tasks), expand(phi, _POLICIES), drawn, observe)
    figure = Figure(figsize=(2.9 * len(shown), 3.1), layout="constrained")
    for axes, step in zip(figure.subplots(1, len(shown), sharey=True), shown, strict=True):
        arrived = roads[step][:, -1] >= tasks.car.goal
        for road, there in zip(roads[step], arrived, strict=True):
            axes.plot(road, color=LEARNED if there else ORDINARY, alpha=0.6, linewidth=1)
        axes.axhline(tasks.car.goal, color="black", linewidth=0.8, linestyle=":")
        axes.set(title=f"{step} gradient steps: {int(arrived.sum())} of {_POLICIES} arrive", xlabel="time step")
        axes.title.set_fontsize(9)
        tidy(axes)
    figure.axes[0].set_ylabel("position (dotted: goal)")
    return figure

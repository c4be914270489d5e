"""Pictures of losses over the parameters of a policy."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ml3zoo.losses import LearnedLoss, call_arguments
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import optimizer_of
from ml3zoo.meta.step import unobserved
from ml3zoo.plots.style import LEARNED, Figure, styled
from ml3zoo.tasks.base import Tasks, Tensors
from ml3zoo.tasks.mountain_car import MountainCar
from ml3zoo.tasks.reaching import Reaching

_ALONG = torch.linspace(-0.5, 1.5, 41)
_ACROSS = torch.linspace(-1, 1, 41)


@styled
def draw_policy_landscapes(
    loss: LearnedLoss, family: MountainCar | Reaching, ordinary: nn.Module, name: str, tasks: int = 3
) -> Figure:
    """An ordinary loss and the learned one in a plane of policies: from fresh to trained, and in a random direction.

    Every point is a policy with the loss of its own roll-out. Each panel shows the rank of the loss, not its value.

    Args:
        loss: for trajectories.
        family: of tasks.
        ordinary: a loss of the states that policies lead to.
        name: label of that loss.
        tasks: how many, a column each.
    """
    generator = torch.Generator().manual_seed(3)
    drawn = family.sample(generator, tasks, "test")
    trained = _train(loss, family, drawn)
    figure = Figure(figsize=(0.9 + 2.6 * tasks, 5.4), layout="constrained")
    panels = figure.subplots(2, tasks, sharex=True, sharey=True, squeeze=False)
    for column in range(tasks):
        one = drawn.pick(slice(column, column + 1))
        end = {key: p[column] for key, p in trained.items()}
        around = _around({key: p[0] for key, p in one.initial.items()}, end, generator)
        for row, (module, called) in enumerate(((ordinary, replace(family, through=True)), (loss, family))):
            heights = _heights(module, called, around, one)
            ranks = heights.flatten().argsort().argsort().view_as(heights) / heights.numel()
            panel = panels[row, column]
            panel.grid(False)
            panel.contourf(_ALONG, _ACROSS, ranks.T, levels=20, cmap="viridis_r")
            panel.plot([0, 1], [0, 0], color=LEARNED, linewidth=1)
            panel.plot([0], [0], "o", [1], [0], "*", color=LEARNED, markersize=9)
    for row, label in enumerate((name, loss.config.name)):
        panels[row, 0].set_ylabel(f"{label}\nrandom direction")
    for panel in panels[1]:
        panel.set_xlabel("from fresh (o) to trained (*)")
    figure.suptitle("Losses of policies around a trained one, each on its own roll-out: yellow is low (by rank)")
    return figure


def states_in_training(
    loss: LearnedLoss, family: MountainCar | Reaching, policies: int = 20, shown: Collection[int] = (0, 2, 5, 10)
) -> dict[int, Tensor]:
    """States [policies, time, states] that policies visit, by the number of gradient steps they have had."""
    drawn = family.sample(torch.Generator().manual_seed(7), policies, "test")
    states: dict[int, Tensor] = {}

    def observe(step: int, params: Tensors) -> None:
        if step in shown:
            states[step] = vmap(family.roll_out)(params, drawn.data)

    _train(loss, family, drawn, observe)
    return states


def _train(
    loss: LearnedLoss,
    family: MountainCar | Reaching,
    tasks: Tasks,
    observe: Callable[[int, Tensors], None] = unobserved,
) -> Tensors:
    """Policies trained as the loss recommends."""
    inner = loss.config.inner
    run = InnerRun(optimizer_of(inner), inner.lr, inner.steps)
    return run.under(loss, family, tasks, observe)


def _around(fresh: Tensors, trained: Tensors, generator: torch.Generator) -> Tensors:
    """Parameters [along, across, ...] of policies in a plane."""
    plane = {}
    for name, start in fresh.items():
        direction = trained[name] - start
        random = torch.randn(start.shape, generator=generator)
        random = random * direction.norm() / random.norm().clamp_min(1e-12)
        ones = (1,) * start.dim()
        plane[name] = start + _ALONG.view(-1, 1, *ones) * direction + _ACROSS.view(1, -1, *ones) * random
    return plane


def _heights(loss: nn.Module, family: MountainCar | Reaching, around: Tensors, task: Tasks) -> Tensor:
    """The loss of each policy, [along, across]."""
    data = {name: x[0] for name, x in task.data.items()}
    buffers = dict(loss.named_buffers())

    def height(params: Tensors) -> Tensor:
        arguments = call_arguments(loss, family.loss_arguments(params, data), progress=torch.tensor(0.5))
        value: Tensor = functional_call(loss, buffers, (), arguments)
        return value

    with torch.no_grad():
        flat = {name: p.flatten(0, 1) for name, p in around.items()}
        heights: Tensor = vmap(height)(flat)
    return heights.view(len(_ALONG), len(_ACROSS))

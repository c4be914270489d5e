"""Pictures of losses over the one parameter of a model."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ml3zoo.losses import call_arguments
from ml3zoo.plots.style import LEARNED, ORDINARY, OTHERS, PALE, Figure, styled
from ml3zoo.tasks.frequency import Frequency

_STEPS = 400


@styled
def draw_frequency_landscapes(
    learned: Mapping[str, nn.Module], ordinary: Mapping[str, nn.Module], family: Frequency, tasks: int = 4
) -> Figure:
    """Every loss over the frequency ω for some tasks, each scaled to its own height.

    Args:
        learned: losses by their labels.
        ordinary: likewise; drawn in blue.
        family: of tasks.
        tasks: how many, one panel each.
    """
    losses = [*zip(learned.items(), (LEARNED, *OTHERS), strict=False), *((one, ORDINARY) for one in ordinary.items())]
    omega = torch.linspace(-5, 5, _STEPS)
    data = family.sample(torch.Generator().manual_seed(3), tasks, "test").data
    figure = Figure(figsize=(3.1 * tasks, 3.3), layout="constrained")
    panels = figure.subplots(1, tasks, sharey=True)
    for task, panel in enumerate(panels):
        one = {name: x[task] for name, x in data.items()}
        for (name, loss), colour in losses:
            height = torch.stack([_value(loss, family, one, w) for w in omega])
            height = height - height.min()
            panel.plot(
                omega,
                height / height.max(),
                color=colour,
                label=name,
                linewidth=1.4,
                zorder=3 if colour == LEARNED else 2,
            )
        panel.axvline(one["frequency"].item(), color=PALE, linestyle=":", label="true ν")
        panel.set(xlabel="ω", xlim=(-5, 5), title=f"ν = {one['frequency'].item():.2f}")
    panels[0].set_ylabel("loss over its height")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _value(loss: nn.Module, family: Frequency, task: dict[str, Tensor], omega: Tensor) -> Tensor:
    with torch.no_grad():
        value: Tensor = loss(**call_arguments(loss, family.loss_arguments({"omega": omega}, task)))
        return value

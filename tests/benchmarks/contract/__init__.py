"""A loss in somebody else's training loop: what holds, and what breaks silently.

Runs on versions of ml3zoo before and after the contract: where a call has no such argument, a user's way around it is
measured instead.
"""

from __future__ import annotations

from dataclasses import dataclass

from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.zoo.names import list_losses
from tests.benchmarks.contract import batches, clock, degenerate, masks, memory, reinterpretation, tools


@dataclass(frozen=True)
class Sizes:
    """What is measured, and how thoroughly.

    Attributes:
        losses: names in the zoo.
        tasks: sine models that are trained in each loop.
        points: of the whole batch that is cut into micro-batches.
        padded: points that are padded with as many.
        seeds: problems whose gradients are compared.
        rank_points: sizes of batches that two ranks share.
        classes: of a problem with many of them.
        steps: of trainings with wrong or many classes.
    """

    losses: tuple[str, ...] = tuple(list_losses())
    tasks: int = 128
    points: int = 512
    padded: int = 64
    seeds: int = 5
    rank_points: tuple[int, ...] = (16, 64, 256, 512)
    classes: int = 1000
    steps: int = 150


FULL = Sizes()
SMALL = Sizes(
    losses=("label-noise", "outlier-regression", "sine-regression"),
    tasks=1,
    points=128,
    padded=16,
    seeds=1,
    rank_points=(16,),
    classes=20,
    steps=2,
)


def run(sizes: Sizes) -> None:
    """Print item and figure, subject by subject."""
    with reproducible_compute():
        clock.run(sizes.tasks)
        memory.run(sizes.tasks)
        masks.run(sizes.losses, sizes.padded)
        batches.run(sizes.losses, sizes.points, sizes.seeds, sizes.rank_points)
        degenerate.run(sizes.losses)
        reinterpretation.run(sizes.classes, sizes.steps)
        tools.run(sizes.losses)

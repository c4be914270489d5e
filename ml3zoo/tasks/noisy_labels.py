"""Classification with wrong labels; true labels are known of held-out points."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn

from ml3zoo.tasks.base import Split, Tasks
from ml3zoo.tasks.class_data import Source
from ml3zoo.tasks.classification import Classification
from ml3zoo.tasks.label_noise import LabelNoise
from ml3zoo.tasks.optimizees import MLP, Activation


@dataclass(frozen=True)
class NoisyLabels(Classification):
    """Training and validation labels are wrong at a rate; test labels are right.

    A task is a draw of points, of wrong labels and of initial weights.

    Attributes:
        source: of points and true classes.
        noise: how labels go wrong.
        hidden: layers of the network.
        activation: of the network.
        rates: each task's rate of wrong labels is uniform between these two.
        points: for training.
        validation: points with wrong labels too, to choose runs by.
        held_out: points with true labels, for objective and metric.
    """

    source: Source
    noise: LabelNoise
    hidden: tuple[int, ...] = (48,)
    activation: Activation = "ReLU"
    rates: tuple[float, float] = (0.0, 0.6)
    points: int = 192
    validation: int = 64
    held_out: int = 256

    network: nn.Module = field(init=False, repr=False, compare=False)
    evaluated: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.optimizee.skeleton())
        object.__setattr__(self, "evaluated", self.optimizee.skeleton(training=False))

    @property
    def optimizee(self) -> MLP:
        """The network: as many inputs as features, as many outputs as classes."""
        return MLP((self.source.features, *self.hidden, self.source.classes), self.activation)

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x``, ``labels`` for training, the same for validation and, true, for testing."""
        points = self.points + self.validation + self.held_out
        x, labels, margin = self.source.sample(generator, n, points)
        low, high = self.rates
        rate = low + (high - low) * torch.rand(n, generator=generator)
        found = self.noise(generator, labels, margin, rate, self.source.classes)
        ends = (self.points, self.points + self.validation)
        data = dict(zip(("x", "x_valid", "x_test"), x.tensor_split(ends, 1), strict=True))
        data |= dict(zip(("labels", "labels_valid"), found.tensor_split(ends, 1)[:2], strict=True))
        return Tasks(
            data | {"labels_test": labels[:, ends[1] :]}, self.optimizee.sample(generator, n), self.optimizee.buffers(n)
        )

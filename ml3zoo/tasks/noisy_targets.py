"""Regression with outliers among the training targets; clean targets are known of held-out points."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ml3zoo.tasks.base import Split, Tasks
from ml3zoo.tasks.optimizees import MLP, Activation
from ml3zoo.tasks.regression import Regression
from ml3zoo.tasks.target_noise import TargetNoise


@dataclass(frozen=True)
class NoisyTargets(Regression):
    """Random smooth functions of normal inputs; training and validation targets are noisy, test targets are not.

    Targets are standardised by the training targets' quartiles: their median is 0, and 1 is the standard deviation
    that normal targets of the same quartiles would have. A task is a draw of a function, of points, of noise and of
    initial weights.

    Attributes:
        noise: on targets.
        features: inputs of the function.
        hidden: layers of the network.
        activation: of the network.
        points: for training.
        validation: points with noisy targets too, to choose runs by.
        held_out: points with clean targets, for objective and metric.
    """

    noise: TargetNoise
    features: int = 4
    hidden: tuple[int, ...] = (32, 32)
    activation: Activation = "ReLU"
    points: int = 128
    validation: int = 64
    held_out: int = 256

    network: nn.Module = field(init=False, repr=False, compare=False)
    evaluated: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.optimizee.skeleton())
        object.__setattr__(self, "evaluated", self.optimizee.skeleton(training=False))

    @property
    def optimizee(self) -> MLP:
        """The network: as many inputs as features, one output."""
        return MLP((self.features, *self.hidden, 1), self.activation)

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x`` [n, points, features] and ``y`` [n, points, 1], the same for validation and testing."""
        points = self.points + self.validation + self.held_out
        x = torch.randn(n, points, self.features, generator=generator)
        clean = self._function(generator, x)
        noisy = clean + self.noise(generator, x)
        quartiles = noisy[:, : self.points].quantile(torch.tensor([0.25, 0.5, 0.75]), 1)
        middle, scale = quartiles[1][:, None], ((quartiles[2] - quartiles[0]) / 1.349).clamp_min(1e-3)[:, None]
        ends = (self.points, self.points + self.validation)
        y = torch.cat([noisy[:, : ends[1]], clean[:, ends[1] :]], 1)
        y = ((y - middle) / scale)[..., None]
        data = dict(zip(("x", "x_valid", "x_test"), x.tensor_split(ends, 1), strict=True))
        data |= dict(zip(("y", "y_valid", "y_test"), y.tensor_split(ends, 1), strict=True))
        return Tasks(data, self.optimizee.sample(generator, n), self.optimizee.buffers(n))

    def _function(self, generator: torch.Generator, x: Tensor) -> Tensor:
        """A linear part, a small network and a sine in random shares; mean 0 and variance 1, [n, points]."""
        n, inputs = len(x), self.features

        def normal(*shape: int) -> Tensor:
            return torch.randn(n, *shape, generator=generator)

        def uniform(low: float, high: float) -> Tensor:
            return low + (high - low) * torch.rand(n, 1, 1, generator=generator)

        scaled = x / math.sqrt(inputs)
        linear = scaled @ normal(inputs, 1)
        network = torch.tanh(scaled @ normal(inputs, 12) * uniform(0.5, 3) + normal(1, 12)) @ normal(12, 1)
        sine = torch.sin(scaled @ normal(inputs, 1) * uniform(0.5, 2.5) + uniform(0, 2 * math.pi))
        share = uniform(0, 1), 1.5 * uniform(0, 1) / math.sqrt(12), uniform(0, 1)
        f = (share[0] * linear + share[1] * network + share[2] * sine).squeeze(-1)
        return (f - f.mean(1, keepdim=True)) / f.std(1, keepdim=True)

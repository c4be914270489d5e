"""Binary classification of images from few labels, with or without additional unlabelled images.

Source of the task: Bechtle et al. 2020, binary classification of digits.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ml3zoo.errors import DataError
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.images import read_images
from ml3zoo.tasks.misclassification import error_rate, smooth_error_rate
from ml3zoo.tasks.optimizees import Optimizee

_DEALT: dict[Split, tuple[int, int]] = {"train": (0, 25), "valid": (25, 33), "test": (33, 45)}
"""Of every 45 pairs of classes, in shuffled order, the range of each split."""
_SEEN = 0.6
"""Share of each class's images that meta-training draws from; validation and test tasks draw from the others."""


@dataclass(frozen=True)
class ImagePairs(TaskFamily):
    """Two classes with a few labelled images each, perhaps unlabelled ones, and other images to test on.

    Images without a label have the target (1/2, 1/2). No pair of classes is in two splits, and no image of a test task
    is used in meta-training.

    Attributes:
        optimizee: a network with as many inputs as pixels and two outputs.
        labels: training images of each class that have a label.
        unlabelled: training images of each class that have none.
        held_out: test images of each class.
        images: as ``read_images`` takes it.
        noise: standard deviation of normal noise on every pixel.
    """

    optimizee: Optimizee
    labels: int = 10
    unlabelled: int = 0
    held_out: int = 32
    images: str = "digits"
    noise: float = 0.0

    network: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.optimizee.skeleton())

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x`` [n, images, pixels], ``y`` [n, images, 2], and ``_test``, whose y are classes [n, images]."""
        images = read_images(self.images)
        pairs = _pairs(len(images.names), split)
        seen = self.labels + self.unlabelled
        needed, tasks = seen + self.held_out, list[Tensor]()
        chosen = [pairs[k] for k in torch.randint(len(pairs), (n,), generator=generator).tolist()]
        rows = {k: self._rows(images.labels, k, split) for pair in chosen for k in pair}
        for pair in chosen:
            drawn = [rows[k][torch.randperm(len(rows[k]), generator=generator)[:needed]] for k in pair]
            tasks.append(torch.stack(drawn, 1))
        x = images.x[torch.stack(tasks)]
        if self.noise:
            x = x + self.noise * torch.randn(x.shape, generator=generator)
        y = torch.tensor([0, 1]).expand(n, needed, 2)
        known = torch.eye(2).expand(n, self.labels, 2, 2)
        targets = torch.cat([known, torch.full((n, self.unlabelled, 2, 2), 0.5)], 1)
        data = {
            "x": x[:, :seen].flatten(1, 2),
            "y": targets.flatten(1, 2),
            "x_test": x[:, seen:].flatten(1, 2),
            "y_test": y[:, seen:].flatten(1, 2),
        }
        return Tasks(data, self.optimizee.sample(generator, n))

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Logits [points, 2] and targets [points, 2]."""
        return {"input": functional_call(self.network, params, (data["x"],)), "target": data["y"]}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """Smooth error rate on other images."""
        return smooth_error_rate(functional_call(self.network, params, (data["x_test"],)), data["y_test"])

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """Error rate on other images."""
        return error_rate(functional_call(self.network, params, (data["x_test"],)), data["y_test"])

    def _rows(self, labels: Tensor, which: int, split: Split) -> Tensor:
        """Images of a class that a split may use."""
        rows = (labels == which).nonzero().squeeze(1)
        seen = int(_SEEN * len(rows))
        rows = rows[:seen] if split == "train" else rows[seen:]
        if len(rows) < self.labels + self.unlabelled + self.held_out:
            raise DataError(
                f"{self.images} has {len(rows)} images of class {which} for the split {split}, but {self.labels} with "
                f"and {self.unlabelled} without a label for training and {self.held_out} for testing were asked for. "
                "Ask for fewer."
            )
        return rows


def _pairs(classes: int, split: Split) -> list[tuple[int, int]]:
    """The pairs of classes of a split."""
    pairs = list(itertools.combinations(range(classes), 2))
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
    first, last = (round(len(pairs) * bound / 45) for bound in _DEALT[split])
    return [pairs[k] for k in order[first:last]]

"""Telling two classes of images apart from few labels. Source: Bechtle et al. 2020, binary classification of digits."""

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
"""Of every 45 pairs of classes, in shuffled order, where those of a split begin and end."""
_SEEN = 0.6
"""Share of each class's images that meta-training draws from; validation and test tasks draw from the others."""


@dataclass(frozen=True)
class ImagePairs(TaskFamily):
    """Two classes, so many labels of each, and other images of them to be tested on.

    No pair of classes is in two splits, and no image of a test task was seen in meta-training.

    Attributes:
        optimizee: a network with as many inputs as pixels and two outputs.
        labels: training images of each class.
        held_out: test images of each class.
        images: as ``read_images`` takes it.
    """

    optimizee: Optimizee
    labels: int = 10
    held_out: int = 32
    images: str = "digits"

    network: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "network", self.optimizee.skeleton())

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x`` [n, 2 labels, pixels] and ``y`` [n, 2 labels], the same ``_test``."""
        images = read_images(self.images)
        pairs = _pairs(len(images.names), split)
        needed, tasks = self.labels + self.held_out, list[Tensor]()
        chosen = [pairs[k] for k in torch.randint(len(pairs), (n,), generator=generator).tolist()]
        rows = {k: self._rows(images.labels, k, split) for pair in chosen for k in pair}
        for pair in chosen:
            drawn = [rows[k][torch.randperm(len(rows[k]), generator=generator)[:needed]] for k in pair]
            tasks.append(torch.stack(drawn, 1))
        x = images.x[torch.stack(tasks)]
        y = torch.tensor([0, 1]).expand(n, needed, 2)
        parts = {"": slice(self.labels), "_test": slice(self.labels, needed)}
        data = {f"x{name}": x[:, part].flatten(1, 2) for name, part in parts.items()}
        data |= {f"y{name}": y[:, part].flatten(1, 2) for name, part in parts.items()}
        return Tasks(data, self.optimizee.sample(generator, n))

    def signals(self, params: Tensors, data: Tensors) -> Tensors:
        """Logits [points, 2] and labels [points]."""
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
        if len(rows) < self.labels + self.held_out:
            raise DataError(
                f"{self.images} has {len(rows)} images of class {which} for the split {split}, but {self.labels} for "
                f"training and {self.held_out} for testing were asked for. Ask for fewer."
            )
        return rows


def _pairs(classes: int, split: Split) -> list[tuple[int, int]]:
    """The pairs of classes of a split."""
    pairs = list(itertools.combinations(range(classes), 2))
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0)).tolist()
    first, last = (round(len(pairs) * bound / 45) for bound in _DEALT[split])
    return [pairs[k] for k in order[first:last]]

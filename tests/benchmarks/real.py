"""``ml3zoo apply label-noise`` on scikit-learn's data sets, some of whose training labels were made wrong."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch

from ml3zoo.tasks.bundled import read_bundled
from ml3zoo.tasks.label_noise import Symmetric
from tests.benchmarks.applied import Check, Sizes

ROWS = {"digits": 400, "wine": 120, "breast_cancer": 300}
"""Data sets, and how many of their rows are for training and tuning."""
FULL = Sizes(tuple(ROWS), (0.0, 0.3))
SMALL = Sizes(("wine",), (0.3,), draws=1, seeds=2, steps=10)


def run(sizes: Sizes) -> None:
    """Print test error rates."""
    print("label-noise on real data: error rate, by share of wrong training labels,")
    Check("label-noise", "error_rate", corrupted, lambda name: "label").run(sizes)


def corrupted(name: str, rate: float, draw: int, folder: Path) -> tuple[Path, Path]:
    """A table with a share of wrong labels, each other class as likely, and one with right labels."""
    x, labels = read_bundled(name)
    generator = torch.Generator().manual_seed(draw)
    order = torch.randperm(len(x), generator=generator)
    classes = int(labels.max()) + 1
    found = Symmetric()(generator, labels[None], torch.zeros(1, len(x)), torch.tensor([rate]), classes)[0]
    paths = folder / "train.csv", folder / "test.csv"
    for rows, given, path in zip(order.split([ROWS[name], len(x) - ROWS[name]]), (found, labels), paths, strict=True):
        table = pd.DataFrame(x[rows].numpy()).add_prefix("feature ")
        table.assign(label=[f"class {k}" for k in given[rows].tolist()]).to_csv(path, index=False)
    return paths

"""``ml3zoo apply outlier-regression`` on tables of scikit-learn, some of whose training targets were made too large."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import torch
from sklearn import datasets

from tests.benchmarks.applied import Check, Sizes

TABLES = {"diabetes": ("target", 300), "wine": ("alcohol", 120), "breast_cancer": ("mean smoothness", 300)}
"""Data sets, the column to predict, and how many of their rows are for training and tuning."""
FULL = Sizes(tuple(TABLES), (0.0, 0.1, 0.3))
SMALL = Sizes(("wine",), (0.1,), draws=1, seeds=2, steps=10)


def run(sizes: Sizes) -> None:
    """Print R²."""
    print("outlier-regression on real data: R², by share of training targets made too large,")
    Check("outlier-regression", "r2", corrupted, lambda name: TABLES[name][0]).run(sizes)


def corrupted(name: str, rate: float, draw: int, folder: Path) -> tuple[Path, Path]:
    """A table in which a share of the targets is too large by 1 to 7 standard deviations, and one as it was."""
    target, rows = TABLES[name]
    table = getattr(datasets, f"load_{name}")(as_frame=True).frame
    if target != "target":
        table = table.drop(columns="target")
    generator = torch.Generator().manual_seed(draw)
    order = torch.randperm(len(table), generator=generator).numpy()
    hit = (torch.rand(rows, generator=generator) < rate).numpy()
    jump = (1 + 6 * torch.rand(rows, generator=generator)).numpy() * table[target].std()
    train, test = table.iloc[order[:rows]], table.iloc[order[rows:]]
    paths = folder / "train.csv", folder / "test.csv"
    train.assign(**{target: train[target] + pd.Series(hit * jump, index=train.index)}).to_csv(paths[0], index=False)
    test.to_csv(paths[1], index=False)
    return paths

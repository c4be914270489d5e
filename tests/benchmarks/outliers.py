"""``ml3zoo apply outlier-regression`` on tables of scikit-learn, some of whose training targets were made too large.

What is measured has right targets, which nothing is tuned by.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean

import pandas as pd
import torch
from sklearn import datasets

from ml3zoo.compare import apply_loss

TABLES = {"diabetes": ("target", 300), "wine": ("alcohol", 120), "breast_cancer": ("mean smoothness", 300)}
"""Data sets, the column to predict, and how many of their rows are for training and tuning."""
RATES = (0.0, 0.1, 0.3)
DRAWS = 4


def run(*, quick: bool) -> None:
    """Print R²: tuned, recommended, and of tuned ordinary losses; means over draws of rows and outliers."""
    draws = 1 if quick else DRAWS
    print(f"outlier-regression on real data: R², by share of training targets made too large, mean of {draws} draws:")
    for name in ["wine"] if quick else TABLES:
        for rate in RATES[1:2] if quick else RATES:
            reports = [measured(name, rate, draw, quick) for draw in range(draws)]
            scores = (f"{label} {mean(report[label] for report in reports):.3f}" for label in reports[0])
            print(f"  {name}, {rate:.0%}: {'; '.join(scores)}", flush=True)


def measured(name: str, rate: float, draw: int, quick: bool) -> dict[str, float]:
    """R² of each contender on one draw of rows and outliers."""
    seeds, steps = (1, 10) if quick else (5, 0)
    with tempfile.TemporaryDirectory() as folder:
        data, test = corrupted(name, rate, draw, Path(folder))
        loss = "outlier-regression"
        report = apply_loss(loss, data, TABLES[name][0], test=test, baselines=True, seeds=seeds, steps=steps)
    return {each.label: each.metrics["r2"]["mean"] for each in report.contenders}


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

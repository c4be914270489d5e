"""``ml3zoo apply label-noise`` on scikit-learn's data sets, some of whose training labels were made wrong.

What is measured has right labels, which nothing is tuned by.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import mean

import pandas as pd
import torch

from ml3zoo.compare import apply_loss
from ml3zoo.tasks.bundled import read_bundled
from ml3zoo.tasks.label_noise import Symmetric

ROWS = {"digits": 400, "wine": 120, "breast_cancer": 300}
"""Data sets, and how many of their rows are for training and tuning."""
RATES = (0.0, 0.3)
DRAWS = 4


def run(*, quick: bool) -> None:
    """Print test error rates: tuned, recommended, and of tuned ordinary losses; means over draws of rows and labels."""
    draws = 1 if quick else DRAWS
    print(f"label-noise on real data: error rate, by share of wrong training labels, mean of {draws} draws:")
    for name in ["wine"] if quick else ROWS:
        for rate in RATES[1:] if quick else RATES:
            reports = [measured(name, rate, draw, quick) for draw in range(draws)]
            rates = (f"{label} {mean(report[label] for report in reports):.3f}" for label in reports[0])
            print(f"  {name}, {rate:.0%}: {'; '.join(rates)}", flush=True)


def measured(name: str, rate: float, draw: int, quick: bool) -> dict[str, float]:
    """Error rate of each contender on one draw of rows and wrong labels."""
    seeds, steps = (1, 10) if quick else (5, 0)
    with tempfile.TemporaryDirectory() as folder:
        data, test = corrupted(name, rate, draw, Path(folder))
        report = apply_loss("label-noise", data, "label", test=test, baselines=True, seeds=seeds, steps=steps)
    return {each.label: each.metrics["error_rate"]["mean"] for each in report.contenders}


def corrupted(name: str, rate: float, draw: int, folder: Path) -> tuple[Path, Path]:
    """A table with a share of wrong labels, any other class alike, and one with right ones."""
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

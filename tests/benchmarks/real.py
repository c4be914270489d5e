"""``ml3zoo apply label-noise`` on scikit-learn's data sets, some of whose training labels were made wrong.

What is measured has right labels, which nothing is tuned by.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_digits, load_wine

from ml3zoo.compare import apply_loss

DATA = {"digits": (load_digits, 400), "wine": (load_wine, 120), "breast cancer": (load_breast_cancer, 300)}
"""How to read each, and how many of its rows are for training and tuning."""
RATES = (0.0, 0.3)


def run(*, quick: bool) -> None:
    """Print test error rates: recommended, tuned, and of tuned ordinary losses."""
    print("label-noise on real data: error rate, by share of wrong training labels:")
    for name in list(DATA)[1:2] if quick else DATA:
        for rate in RATES[1:] if quick else RATES:
            with tempfile.TemporaryDirectory() as folder:
                data, test = corrupted(name, rate, Path(folder))
                seeds, steps = (1, 10) if quick else (5, 0)
                report = apply_loss("label-noise", data, "label", test=test, baselines=True, seeds=seeds, steps=steps)
            rates = (f"{each.label} {each.metrics['error_rate']['mean']:.3f}" for each in report.contenders)
            print(f"  {name}, {rate:.0%}: {'; '.join(rates)}")


def corrupted(name: str, rate: float, folder: Path) -> tuple[Path, Path]:
    """A table with a share of wrong labels, any other class alike, and one with right ones."""
    read, rows = DATA[name]
    bunch, generator = read(), np.random.default_rng(0)
    x = pd.DataFrame(bunch.data, columns=[f"feature {k}" for k in range(bunch.data.shape[1])])
    true, classes = bunch.target, len(bunch.target_names)
    order = generator.permutation(len(x))
    wrong = (generator.random(len(x)) < rate) & np.isin(np.arange(len(x)), order[:rows])
    found = np.where(wrong, (true + generator.integers(1, classes, len(x))) % classes, true)
    table = x.assign(label=[f"class {k}" for k in found])
    paths = folder / "train.csv", folder / "test.csv"
    for part, path in zip((order[:rows], order[rows:]), paths, strict=True):
        table.iloc[part].to_csv(path, index=False)
    return paths

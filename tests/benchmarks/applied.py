"""``ml3zoo apply`` on tables of scikit-learn, something of whose training rows was made wrong.

What is measured has right targets, which nothing is tuned by.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from ml3zoo.apply.table import apply_loss

DRAWS = 4


@dataclass(frozen=True)
class Check:
    """A loss of the zoo, beside tuned ordinary losses, on tables whose training rows are partly wrong.

    Attributes:
        loss: its name.
        metric: of what is learned, as a report has it.
        corrupted: writes a table to train on and one to test on; of a table, a share of wrong rows, a draw, a folder.
        target: the column to predict, of a table.
    """

    loss: str
    metric: str
    corrupted: Callable[[str, float, int, Path], tuple[Path, Path]]
    target: Callable[[str], str]

    def run(self, tables: Iterable[str], rates: Iterable[float], *, quick: bool) -> None:
        """Print each method's metric by table and share of wrong rows, means over draws of rows and mistakes."""
        draws = 1 if quick else DRAWS
        print(f"  mean of {draws} draws:")
        for name in tables:
            for rate in rates:
                reports = [self._measured(name, rate, draw, quick) for draw in range(draws)]
                scores = (f"{label} {mean(report[label] for report in reports):.3f}" for label in reports[0])
                print(f"  {name}, {rate:.0%}: {'; '.join(scores)}", flush=True)

    def _measured(self, name: str, rate: float, draw: int, quick: bool) -> dict[str, float]:
        seeds, steps = (1, 10) if quick else (5, 0)
        with tempfile.TemporaryDirectory() as folder:
            data, test = self.corrupted(name, rate, draw, Path(folder))
            target = self.target(name)
            report = apply_loss(self.loss, data, target, test=test, baselines=True, seeds=seeds, steps=steps)
        return {each.label: each.metrics[self.metric].mean for each in report.methods}

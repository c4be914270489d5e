"""``apply_loss``: would a learned loss help on my table? Compared with squared error, both tuned."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from ml3zoo.errors import InputError, MissingExtraError
from ml3zoo.files import check_replaceable, contents, make_folder, replacing_folder, sha256, write_text
from ml3zoo.loading import load_loss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.estimators import expand
from ml3zoo.meta.inner import InnerRun, Schedule
from ml3zoo.meta.optimizers import SGD, Adam
from ml3zoo.meta.step import Step, unobserved
from ml3zoo.preparation import Column
from ml3zoo.progress import progress_bar
from ml3zoo.tabular import Table, read_table
from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.table import TableTask

Array = NDArray[np.float64]
GRID = tuple(10 ** (k / 2 - 1.5) for k in range(7))
SCHEDULES: tuple[Schedule, ...] = ("constant", "cosine")
TUNING_SEEDS = 2
LEARNED, RECOMMENDED, MSE = "learned, tuned", "learned, recommended lr", "MSE, tuned"
REPORT, WEIGHTS = "report.json", "model.safetensors"
HOW_TO_USE = (
    f"{WEIGHTS} holds a torch.nn.Sequential of Linear layers of these sizes with the activation between them "
    "(0.weight, 0.bias, 2.weight, ...). Its inputs come from the columns, in this order: a column with a median gives "
    "one input, (value - mean) / scale, the median standing for missing and infinite values; a column with categories "
    "gives one input per category, 1 where the value as text is that category and else 0, fill standing for missing "
    "values, and, if others is true, one more input, 1 where the value is none of them. "
    "The prediction is the output * target_std + target_mean."
)


@dataclass(frozen=True)
class ContenderReport:
    """One way to train. ``metrics``: rmse, mae, r2 on test, each ``{"mean", "std"}``; None where it diverged.

    ``curve``: mean and std over seeds of the validation error, on the standardised target, at the report's
    ``curve_steps``.
    """

    label: str
    lr: float
    schedule: Schedule
    metrics: dict[str, dict[str, float | None]]
    curve: dict[str, list[float | None]]


@dataclass(frozen=True)
class NetworkReport:
    """The network trained under the learned loss: all that is needed, besides its weights, to predict with it."""

    how_to_use: str
    sizes: tuple[int, ...]
    activation: str
    target_mean: float
    target_std: float
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class ApplyReport:
    """What ``apply_loss`` found.

    ``difference``: relative gap in test RMSE to tuned MSE, paired over seeds, with its 95 % t interval.
    """

    name: str
    target: str
    rows: int
    features: int
    dropped_rows: int
    split: dict[str, int]
    steps: int
    seeds: int
    optimizer: str
    curve_steps: list[int]
    contenders: tuple[ContenderReport, ...]
    difference: dict[str, float | None]
    verdict: str
    network: NetworkReport

    def lines(self) -> list[str]:
        """The report as text, a line each."""
        dropped = f", {self.dropped_rows} rows without a target left out" if self.dropped_rows else ""
        parts = ", ".join(f"{count} {split}" for split, count in self.split.items())
        lines = [
            f"{self.rows} rows ({parts}), {self.features} features{dropped}",
            f"{self.steps} full-batch steps of {self.optimizer}; held-out figures over {self.seeds} seeds:",
        ]
        for contender in self.contenders:
            figures = "  ".join(f"{name.upper()} {_shown(value)}" for name, value in contender.metrics.items())
            lines += [f"  {contender.label} (lr {contender.lr:.2g}, {contender.schedule})", f"    {figures}"]
        return [*lines, self.verdict]

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values


@dataclass(frozen=True)
class _Outcome:
    label: str
    run: InnerRun
    params: Tensors
    prediction: Array
    scores: dict[str, Array]
    curve: Array
    best: int


def apply_loss(
    name: str | Path,
    data: Path,
    target: str,
    *,
    steps: int = 0,
    seeds: int = 5,
    out: Path | None = None,
    plot: bool = True,
) -> ApplyReport:
    """Train a small network on a table under a learned loss and under squared error, learning rates tuned.

    Args:
        name: a loss of the zoo, or the path of its folder.
        data: a ``.csv`` or ``.parquet`` file.
        target: name of the column to predict.
        steps: full-batch training steps; 0: as many as the loss was made for.
        seeds: networks trained per contender.
        out: folder for the network, predictions, report and picture; an earlier report there is replaced.
        plot: draw ``learning_curves.png`` into ``out``.

    Raises:
        DataError: the table cannot be learned from.
        InputError: steps or seeds are out of range, or the loss is not for regression.
        OutputError: ``out`` cannot be written or holds something else.
        MissingExtraError: pandas, scikit-learn or matplotlib is not installed.
    """
    if steps < 0 or seeds < 1:
        raise InputError(f"steps must be 0 or more and seeds 1 or more, got steps={steps}, seeds={seeds}.")
    loss = load_loss(name)
    if loss.config.kind != "regression":
        raise InputError(f"{name} is a {loss.config.kind} loss; a regression loss was expected. Run: ml3zoo list")
    if out is not None:
        _check_out(out, plot)
    table = read_table(data, target)
    inner = loss.config.inner
    steps = steps or inner.steps
    optimizer = Adam() if inner.optimizer == "adam" else SGD(inner.momentum)
    middle = 0.01 if inner.optimizer == "adam" else 0.1 * (1 - inner.momentum)
    network = MLP((table.features, 64, 32, 1), "ReLU")
    family = TableTask(table, network)
    with reproducible_compute(), progress_bar("training", 2 * len(GRID) * len(SCHEDULES) + 3) as advance:
        done = 0

        def note(text: str) -> None:
            nonlocal done
            done += 1
            advance(done, text)

        def tuned(step: Step, lr: float) -> InnerRun:
            runs = [InnerRun(optimizer, lr * factor, steps, schedule) for factor in GRID for schedule in SCHEDULES]
            return min(runs, key=lambda run: _validate(step, run, family, note))

        learned, squared = (Step.of(module, family, optimizer) for module in (loss, nn.MSELoss()))
        chosen: dict[str, tuple[Step, InnerRun]] = {
            LEARNED: (learned, tuned(learned, inner.lr)),
            RECOMMENDED: (learned, InnerRun(optimizer, inner.lr, steps)),
            MSE: (squared, tuned(squared, middle)),
        }
        every = max(1, steps // 50)
        outcomes = {
            label: _final(label, step, run, family, seeds, every, note) for label, (step, run) in chosen.items()
        }
    difference = _difference(outcomes[LEARNED].scores["rmse"], outcomes[MSE].scores["rmse"])
    report = ApplyReport(
        name=str(name),
        target=target,
        rows=table.rows,
        features=table.features,
        dropped_rows=table.dropped,
        split={split: len(part) for split, part in table.y.items()},
        steps=steps,
        seeds=seeds,
        optimizer=str(optimizer),
        curve_steps=list(range(0, steps + 1, every)),
        contenders=tuple(_contender(outcome) for outcome in outcomes.values()),
        difference=difference,
        verdict=_verdict(loss.config.name, difference, seeds),
        network=NetworkReport(HOW_TO_USE, network.sizes, network.activation, table.mean, table.std, table.columns),
    )
    if out is not None:
        _write(report, outcomes, table, out, plot)
    return report


def _validate(step: Step, run: InnerRun, family: TableTask, note: Callable[[str], None]) -> float:
    params = _train(step, run, family, TUNING_SEEDS, 1)
    note(f"lr {run.lr:.2g}")
    return float(family.errors(params, "valid").mean())


def _train(
    step: Step,
    run: InnerRun,
    family: TableTask,
    n: int,
    seed: int,
    observe: Callable[[int, Tensors], None] = unobserved,
) -> Tensors:
    phi = {k: p.detach() for k, p in step.loss.named_parameters()}
    tasks = family.sample(torch.Generator().manual_seed(seed), n, "train")
    return run(step, expand(phi, n), tasks, observe)


def _final(
    label: str,
    step: Step,
    run: InnerRun,
    family: TableTask,
    seeds: int,
    every: int,
    note: Callable[[str], None],
) -> _Outcome:
    curve: list[Array] = []

    def observe(step: int, params: Tensors) -> None:
        if step % every == 0:
            curve.append(family.errors(params, "valid"))

    params = _train(step, run, family, seeds, 100, observe)
    note(label)
    table = family.table
    prediction = family.predict(params, "test").double().numpy() * table.std + table.mean
    truth = table.y["test"].T.double().numpy() * table.std + table.mean
    error = prediction - truth
    with np.errstate(all="ignore"):
        scores = {
            "rmse": np.sqrt((error**2).mean(1)),
            "mae": np.abs(error).mean(1),
            "r2": 1 - (error**2).sum(1) / ((truth - truth.mean()) ** 2).sum(),
        }
    best = int(family.errors(params, "valid").argmin())
    return _Outcome(label, run, params, prediction, scores, np.array(curve), best)


def _contender(outcome: _Outcome) -> ContenderReport:
    metrics = {k: {"mean": _json(v.mean()), "std": _json(_std(v))} for k, v in outcome.scores.items()}
    with np.errstate(all="ignore"):
        curve = {
            "mean": [_json(v) for v in outcome.curve.mean(1)],
            "std": [_json(v) for v in outcome.curve.std(1)],
        }
    return ContenderReport(outcome.label, outcome.run.lr, outcome.run.schedule, metrics, curve)


def _std(values: Array) -> float:
    with np.errstate(all="ignore"):
        return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _shown(value: dict[str, float | None]) -> str:
    return "diverged" if value["mean"] is None else f"{value['mean']:.4g} ± {value['std']:.2g}"


def _json(value: Any) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _difference(ours: Array, theirs: Array) -> dict[str, float | None]:
    from scipy.stats import t

    with np.errstate(all="ignore"):
        relative = (ours - theirs) / theirs.mean()
        mean = float(relative.mean())
    half = float(t.ppf(0.975, len(ours) - 1)) * _std(relative) / math.sqrt(len(ours)) if len(ours) > 1 else math.nan
    return {"mean": _json(mean), "low": _json(mean - half), "high": _json(mean + half)}


def _verdict(name: str, difference: dict[str, float | None], seeds: int) -> str:
    mean, low, high = difference["mean"], difference["low"], difference["high"]
    if mean is None:
        return f"Training diverged on this table, so {name} and tuned MSE cannot be compared."
    amount = f"test RMSE {abs(mean):.1%} {'lower' if mean < 0 else 'higher'} than tuned MSE"
    if low is None or high is None:
        return f"No clear difference can be told from one seed: {name} gives {amount}."
    interval = f"95 % interval over {seeds} seeds {low:+.1%} to {high:+.1%}"
    if low <= 0 <= high:
        return f"No clear difference: {name} gives {amount}, within the spread of the seeds ({interval})."
    effect = "helps" if mean < 0 else "does worse"
    return f"{name} {effect}: {amount}, beyond the spread of the seeds ({interval})."


def _check_out(out: Path, plot: bool) -> None:
    make_folder(out.parent)
    check_replaceable(out, REPORT)
    if plot:
        try:
            import matplotlib.figure  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("Drawing pictures", "plot") from error


def _write(report: ApplyReport, outcomes: dict[str, _Outcome], table: Table, out: Path, plot: bool) -> None:
    import pandas as pd

    ours, theirs = outcomes[LEARNED], outcomes[MSE]
    with replacing_folder(out) as folder:
        save_file({k: p[ours.best].contiguous() for k, p in ours.params.items()}, folder / WEIGHTS)
        pd.DataFrame(
            {
                "index": table.index["test"],
                "target": table.y["test"].squeeze(1).double().numpy() * table.std + table.mean,
                "learned": ours.prediction[ours.best],
                "mse": theirs.prediction[theirs.best],
            }
        ).to_csv(folder / "predictions.csv", index=False)
        if plot:
            _draw(report, folder / "learning_curves.png")
        hashes = {name: sha256(folder / name) for name in sorted(contents(folder))}
        write_text(folder / REPORT, json.dumps(report.as_dict() | {"sha256": hashes}, indent=2) + "\n")


def _draw(report: ApplyReport, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.6), layout="constrained")
    axes = figure.subplots()
    colours = {LEARNED: "#d1495b", RECOMMENDED: "#9aa5b1", MSE: "#30638e"}
    for contender in report.contenders:
        mean = np.array(contender.curve["mean"], dtype=float)
        std = np.array(contender.curve["std"], dtype=float)
        label = f"{contender.label}, lr {contender.lr:.3g}, {contender.schedule}"
        axes.plot(report.curve_steps, mean, color=colours[contender.label], label=label)
        axes.fill_between(report.curve_steps, mean - std, mean + std, color=colours[contender.label], alpha=0.15)
    axes.set(xlabel="gradient steps", ylabel="validation MSE (standardised target)", xlim=(0, report.steps))
    axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})

"""``apply`` without a loss: all that fit a table are compared."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from ml3zoo.apply.table import apply_loss
from ml3zoo.apply.table.candidates import Candidate, fitting, ordinary
from ml3zoo.apply.table.cells import Cells
from ml3zoo.apply.table.measures import measure_for, problem_type_of
from ml3zoo.apply.table.race import Race
from ml3zoo.apply.table.table import read_table
from ml3zoo.apply.table.training import Training
from ml3zoo.apply.table.trials import Trial, Trials
from ml3zoo.errors import CheckpointError, InputError
from ml3zoo.evaluate.baselines import LONG_TAIL, ROBUST_CLASSIFICATION, ROBUST_REGRESSION
from ml3zoo.format.problem_types import find_problem_type

pd = pytest.importorskip("pandas")


class _Known:
    """Trials whose scores are known: of each loss a quality, and its best learning rate."""

    training = Training.on(1000, "adamw", 1)
    trained = 0

    def __init__(self, qualities: dict[str, tuple[float, float]]) -> None:
        self.qualities, self.asked = qualities, list[tuple[str, int, int]]()

    def run(self, candidate: Candidate, rates: Iterable[float], splits: int) -> list[Trial]:
        rates = list(rates)
        self.asked.append((str(candidate), len(rates), splits))
        quality, best = self.qualities[str(candidate)]
        values = [np.full(splits, quality + np.log10(lr / best) ** 2) for lr in rates]
        return [
            Trial(candidate, lr, (value,), {"error_rate": value}, value[None])
            for lr, value in zip(rates, values, strict=True)
        ]


def candidate(name: str, hyper: str = "", *, learned: bool = False, recommended: float | None = None) -> Candidate:
    return Candidate(name, hyper, learned, nn.Identity(), "", recommended)


def race_of(qualities: dict[str, tuple[float, float]], **options: Any) -> Race:
    usual, *others = (candidate(*name.partition(" ")[::2]) for name in qualities)
    known: Any = _Known({str(candidate(*name.partition(" ")[::2])): value for name, value in qualities.items()})
    return Race(known, usual, tuple(others), options.pop("kept", frozenset()), 5, **options)


def test_the_best_come_to_the_end_each_in_its_best_form() -> None:
    names = {"usual": (0.5, 3e-3), **{f"loss{k} {h}": (0.1 * k + 0.01 * h, 3e-3) for k in range(9) for h in range(2)}}
    race = race_of(names)
    outcome = race.run(lambda text: None)
    assert [str(each.candidate) for each in outcome.finalists] == [f"loss{k} (0)" for k in range(4)]
    assert str(outcome.winner.candidate) == "loss0 (0)"
    asked = race.trials.asked  # type: ignore[attr-defined]
    assert sum(splits == 3 for _, _, splits in asked) == 18 + 8


def test_a_loss_that_was_asked_for_comes_to_the_end() -> None:
    names = {"usual": (0.5, 3e-3), **{f"loss{k}": (0.1 * k, 3e-3) for k in range(9)}}
    race = race_of(names, kept=frozenset({candidate("loss8")}))
    assert "loss8" in {each.candidate.name for each in race.run(lambda text: None).finalists}


def test_the_best_learned_loss_comes_to_the_end() -> None:
    race = race_of({"usual": (0.5, 3e-3), **{f"loss{k}": (0.1 * k, 3e-3) for k in range(7)}})
    learned = tuple(candidate(f"loss{k}", learned=k > 4) for k in range(7))
    outcome = Race(race.trials, race.usual, learned, frozenset(), 5).run(lambda text: None)
    assert [each.candidate.name for each in outcome.finalists] == ["loss0", "loss1", "loss2", "loss3", "loss5"]


def test_each_loss_is_swapped_in_and_tuned() -> None:
    outcome = race_of({"usual": (0.5, 3e-3), "slow": (0.1, 3e-4)}).run(lambda text: None)
    (slow,) = outcome.finalists
    assert (slow.swapped_in.lr, slow.tuned.lr) == pytest.approx((3e-3, 3e-4))
    assert [way for _, way in slow.ways] == ["swapped in", "tuned"]
    assert outcome.usual.ways == ((outcome.usual.tuned, "tuned"),)


def test_the_recommended_rate_is_among_those_tried() -> None:
    race = race_of({"usual": (0.5, 3e-3), "own": (0.1, 0.5)})
    own = candidate("own", recommended=0.5)
    outcome = Race(race.trials, race.usual, (own,), frozenset(), 5).run(lambda text: None)
    assert outcome.finalists[0].tuned.lr == 0.5


def test_without_time_no_more_losses_are_tried() -> None:
    names = {"usual": (0.5, 3e-3), **{f"loss{k}": (0.1 * k, 3e-3) for k in range(9)}}
    outcome = race_of(names, kept=frozenset({candidate("loss3")}), time_limit=0.0).run(lambda text: None)
    assert [each.candidate.name for each in outcome.finalists] == ["loss3"]
    assert len(outcome.untried) == 8


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b"] * 10, "ClassTarget"),
        ([True, False] * 10, "ClassTarget"),
        ([0, 1, 2, 3] * 5, "ClassTarget"),
        (list(range(21)), "NumericTarget"),
        ([0.5, 1.0] * 10, "NumericTarget"),
    ],
)
def test_the_column_tells_the_problem_type(values: list[Any], expected: str, tmp_path: Path) -> None:
    data = tmp_path / "table.csv"
    pd.DataFrame({"x": range(len(values)), "y": values}).to_csv(data, index=False)
    cells = Cells.read(data, ["y"], ())
    assert measure_for(problem_type_of(cells, "y")).target.__name__ == expected
    assert read_table(cells, "y", of=measure_for(problem_type_of(cells, "y")).target).rows == len(values)


@pytest.mark.parametrize(
    ("problem_type", "learned"), [("regression", "outlier-regression"), ("classification", "label-noise")]
)
def test_what_fits_takes_part(problem_type: str, learned: str) -> None:
    found = list(fitting(find_problem_type(problem_type), "adamw"))
    assert learned in {each.name for each in found}
    assert all(each.learned and f'load_loss("{each.name}"' in each.use for each in found)


@pytest.mark.parametrize("each", [*ordinary((*ROBUST_CLASSIFICATION, *LONG_TAIL, *ROBUST_REGRESSION))], ids=str)
def test_the_lines_that_make_an_ordinary_loss_do(each: Candidate) -> None:
    scope: dict[str, Any] = {}
    exec(each.use, scope)
    if "loss" in scope:
        assert type(scope["loss"]) is type(each.loss)
        assert repr(scope["loss"]) == repr(each.loss)


def frame(rows: int = 120) -> Any:
    a, b = np.random.default_rng(0).normal(size=(2, rows))
    return pd.DataFrame({"a": a, "b": b, "price": 2 * a + 1})


def test_an_interrupted_comparison_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was trained is not trained again, and the report is the same as of one go."""
    data, out = tmp_path / "table.csv", tmp_path / "out"
    frame().to_csv(data, index=False)
    options: dict[str, Any] = {"epochs": 1, "splits": 2, "plot": False}
    whole = apply_loss("outlier-regression", data, "price", **options)

    def interrupt(text: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        apply_loss("outlier-regression", data, "price", out=out, tell=interrupt, **options)
    journal = tmp_path / "out.trials.json"
    assert len(json.loads(journal.read_text())["trials"]) == 5
    trained: list[float] = []
    train = Trials._train
    monkeypatch.setattr(
        Trials, "_train", lambda self, one, rates, splits: (trained.extend(rates), train(self, one, rates, splits))[1]
    )
    again = apply_loss("outlier-regression", data, "price", out=out, **options)
    assert again.as_dict() == whole.as_dict()
    assert 0 < len(trained) <= 6
    assert not journal.exists()


def test_a_damaged_journal_is_told(tmp_path: Path) -> None:
    data, out = tmp_path / "table.csv", tmp_path / "out"
    frame().to_csv(data, index=False)
    (tmp_path / "out.trials.json").write_text('{"of": ')
    with pytest.raises(CheckpointError, match=r"out\.trials\.json is damaged"):
        apply_loss("outlier-regression", data, "price", epochs=1, splits=2, out=out, plot=False)


def test_an_unknown_metric_is_told(tmp_path: Path) -> None:
    data = tmp_path / "table.csv"
    frame().to_csv(data, index=False)
    with pytest.raises(InputError, match="'mse': rmse or mae was expected"):
        apply_loss(None, data, "price", metric="mse")


def test_all_that_fit_are_compared(tmp_path: Path) -> None:
    data = tmp_path / "table.csv"
    frame().to_csv(data, index=False)
    report = apply_loss(None, data, "price", epochs=1, splits=2, out=tmp_path / "out", plot=False)
    assert len({method.loss for method in report.methods}) in (5, 6)
    assert json.loads((tmp_path / "out" / "report.json").read_text())["use"] == report.use
    assert torch.isfinite(torch.tensor([method.metrics["rmse"].mean for method in report.methods])).all()


def test_few_rows_give_no_verdict(tmp_path: Path) -> None:
    data = tmp_path / "table.csv"
    frame(35).to_csv(data, index=False)
    report = apply_loss("outlier-regression", data, "price", epochs=1, splits=2)
    assert report.verdict.startswith("No verdict: with 35 rows chance decides")


def test_a_picture_that_fails_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    data, out = tmp_path / "table.csv", tmp_path / "out"
    frame().to_csv(data, index=False)

    def fail(report: object, folder: Path) -> None:
        raise ValueError("no such colour")

    monkeypatch.setattr("ml3zoo.apply.table.drawing.draw_report", fail)
    with pytest.warns(UserWarning, match="not drawn: ValueError: no such colour. All else was saved"):
        apply_loss("outlier-regression", data, "price", epochs=1, splits=2, out=out)
    assert (out / "report.json").is_file()

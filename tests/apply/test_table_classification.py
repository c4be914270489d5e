"""``apply`` with losses for classification."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ml3zoo.apply.table import apply_loss
from ml3zoo.apply.table.measures import measure_of
from ml3zoo.apply.table.splits import TableSplits
from ml3zoo.apply.table.table import read_table
from ml3zoo.apply.table.targets import ClassTarget
from ml3zoo.apply.verdict import Difference, verdict
from ml3zoo.errors import DataError
from ml3zoo.losses import build_loss
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.zoo.store import save_loss
from tests.losses.test_classification import CONFIG

pd = pytest.importorskip("pandas")
MEASURE = measure_of(CONFIG)


@pytest.fixture(scope="session")
def weighted_terms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    loss = build_loss(CONFIG)
    loss.reset_parameters()
    return save_loss(loss.requires_grad_(False), tmp_path_factory.mktemp("losses") / "weighted-terms")


def frame(rows: int = 90, seed: int = 0) -> Any:
    """Three classes along one of two features."""
    a, b = np.random.default_rng(seed).normal(size=(2, rows))
    return pd.DataFrame({"a": a, "b": b, "size": np.array(["small", "medium", "large"])[np.digitize(a, [-0.5, 0.5])]})


def saved(table: Any, tmp_path: Path, name: str = "table.csv") -> Path:
    table.to_csv(tmp_path / name, index=False)
    return tmp_path / name


@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["b", "a", None], ("a", "b")),
        ([True, False, True], ("False", "True")),
        ([True, False, None], ("False", "True")),
        ([10, 9, 9], ("9", "10")),
        ([10.0, 9.0, np.nan], ("9", "10")),
        ([-0.0, 1.0, np.inf], ("0", "1")),
        (pd.array([1, 2, None], dtype="Int64"), ("1", "2")),
        (pd.Categorical([2.0, 1.0, None]), ("1", "2")),
        (pd.Categorical(["b", "a", "a"]), ("a", "b")),
    ],
)
def test_classes_of_any_type(values: Any, names: tuple[str, ...]) -> None:
    read = ClassTarget.read(pd.Series(values), "target")
    known = read[pd.notna(read)]
    encoding = ClassTarget.fit(np.concatenate([known, known]), np.arange(len(known)), "target")
    assert encoding.classes == names
    assert encoding.decode(torch.eye(2)).tolist() == list(names)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0.5, 1.0] * 10, "fractions, for example 0.5.*--problem-type regression"),
        (["a"] * 20, "'a' in all 20 rows"),
        ([None] * 20, "no class in any of 20 rows"),
        ([f"row {k}" for k in range(20)], "20 different values in 20 rows"),
        ([k % 101 for k in range(303)], "101 different values in 303 rows; at most 100"),
        (["a"] * 10 + list("bcdefghi"), r"no row among the 11 training rows: '[b-i]', '[b-i]'\."),
    ],
)
def test_bad_targets_are_explained(values: Any, message: str, tmp_path: Path) -> None:
    table = pd.DataFrame({"a": np.arange(len(values)), "size": values})
    with pytest.raises(DataError, match=message):
        read_table(saved(table, tmp_path), "size", of=ClassTarget)


def test_every_part_has_its_share_of_every_class(tmp_path: Path) -> None:
    table = pd.DataFrame({"a": np.arange(200), "size": ["rare"] * 10 + ["common"] * 190})
    ready = read_table(saved(table, tmp_path), "size", of=ClassTarget)
    for seed in range(3):
        dealt = ready.deal(seed)
        assert {part: int((ready.y[rows] == 1).sum()) for part, rows in dealt.items()} == {
            "train": 6,
            "valid": 2,
            "test": 2,
        }
        assert sorted(row for rows in dealt.values() for row in rows) == list(range(200))


def test_a_class_that_only_the_test_rows_have(tmp_path: Path) -> None:
    clean = frame(20, seed=1)
    clean.loc[0, "size"] = "smal"
    data, test = saved(frame(), tmp_path), saved(clean, tmp_path, "clean.csv")
    with pytest.raises(DataError, match=r"of .*clean\.csv has classes .*'smal'; expected .*Did you mean 'small'"):
        read_table(data, "size", of=ClassTarget, test=test)


def test_metrics_and_selection_metric() -> None:
    output = torch.tensor([[[2.0, 0.0], [2.0, 0.0]], [[0.0, 9.0], [9.0, 0.0]], [[torch.nan, 0.0], [0.0, 0.0]]])
    truth = torch.tensor([0, 1])
    scores = MEASURE.scores(output, truth, ClassTarget(("a", "b")))
    np.testing.assert_allclose(scores["error_rate"], [0.5, 1.0, np.nan])
    np.testing.assert_allclose(scores["accuracy"], [0.5, 0.0, np.nan])
    expected = nn.functional.cross_entropy(output[0], truth)
    np.testing.assert_allclose(scores["cross_entropy"][0], expected, rtol=1e-6)
    rate, then = MEASURE.comparisons["error_rate"].selection_metric.values(output, truth)
    assert rate.tolist() == [0.5, 1.0, np.inf]
    assert then.tolist() == pytest.approx([float(expected), 9.00012, np.inf])


@pytest.mark.parametrize(
    ("ours", "expected"),
    [
        ([0.10, 0.11, 0.13], "helps: test error rate 8.7 points lower than tuned X .* -10.1 points to -7.2 points"),
        ([0.29, 0.18, 0.17], "No clear difference: learned gives test error rate 1.3 points higher"),
        ([0.19, 0.20, 0.21], "No clear difference: learned gives the same test error rate as tuned X"),
    ],
)
def test_the_verdict_speaks_of_points(ours: list[float], expected: str) -> None:
    difference = Difference.of(MEASURE.gap(np.array(ours), np.array([0.19, 0.20, 0.21])))
    sentence = verdict("learned", "tuned X", difference, MEASURE.metric_format("error_rate"), "3 splits")
    assert pytest.approx(difference.mean, abs=1e-6) == np.mean(ours) - 0.2
    assert re.search(expected, sentence), sentence


def test_the_saved_network_can_be_used_again(weighted_terms: Path, tmp_path: Path) -> None:
    """Clean test rows, robust baselines, and what ``how_to_use`` says."""
    noisy = frame(120)
    noisy.loc[::5, "size"] = "large"
    data, test, out = saved(noisy, tmp_path), saved(frame(40, seed=1), tmp_path, "clean.csv"), tmp_path / "out"
    report = apply_loss(weighted_terms, data, "size", test=test, epochs=12, splits=2, out=out, plot=False)
    assert report.split == {"train": 90, "valid": 30, "test": 40}
    assert {method.label for method in report.methods} >= {"cross-entropy, tuned", "terms, tuned"}
    assert "than tuned" in report.verdict or "same" in report.verdict
    assert "test error rate" in report.lines()[3]
    written = json.loads((out / "report.json").read_text())
    assert {key: written[key] for key in report.as_dict()} == report.as_dict()
    network = written["network"]
    assert network["target"]["classes"] == ["large", "medium", "small"]
    assert "argmax" in network["how_to_use"]
    layers = [nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 3)]
    model = nn.Sequential(*layers)
    model.load_state_dict(load_file(out / "model.safetensors"))
    rows = pd.read_csv(test)
    inputs = [(rows[one["name"]] - one["mean"]) / one["scale"] for one in network["columns"]]
    output = model(torch.tensor(np.stack(inputs, 1), dtype=torch.float32))
    predictions = pd.read_csv(out / "predictions.csv")
    assert predictions["terms"].tolist() == [network["target"]["classes"][k] for k in output.argmax(1)]
    assert predictions["target"].tolist() == rows["size"].tolist()
    assert list(predictions)[3:] == ["cross-entropy"]
    assert (predictions["target"] == predictions["cross-entropy"]).mean() > 0.6


def test_a_picture_is_drawn(weighted_terms: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report = apply_loss(weighted_terms, saved(frame(), tmp_path), "size", epochs=1, splits=2, out=tmp_path / "out")
    assert report.selection_metric == "validation error rate"
    assert report.baseline == "cross-entropy, tuned"
    for picture in ("learning_curves.png", "ranking.png"):
        assert (tmp_path / "out" / picture).is_file()


def test_losses_are_told_how_many_training_rows_each_class_has(tmp_path: Path) -> None:
    ready = read_table(saved(frame(), tmp_path), "size", of=ClassTarget)
    family = TableSplits(ready, MLP((2, 3)))
    tasks = family.sample(torch.Generator().manual_seed(0), 2, "train")
    assert tasks.data["class_counts"].sum(1).tolist() == [54, 54]
    given = family.loss_arguments({name: x[0] for name, x in tasks.initial.items()}, tasks.pick(torch.tensor(0)).data)
    assert given["class_counts"].tolist() == tasks.data["y"][0].bincount(minlength=3).tolist()


def test_balanced_error_rate_counts_every_class_alike() -> None:
    output = torch.tensor([[[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 1.0]]])
    scores = MEASURE.scores(output, torch.tensor([[0, 0, 1, 1]]), ClassTarget(("a", "b")))
    assert scores["balanced_error_rate"].tolist() == [0.25]
    scores = MEASURE.scores(output, torch.tensor([[0, 0, 0, 1]]), ClassTarget(("a", "b")))
    assert scores["balanced_error_rate"].tolist() == [0.0]

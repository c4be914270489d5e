from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml3zoo.compare import apply_loss
from ml3zoo.errors import DataError, InputError, OutputError
from ml3zoo.recipe import find_recipe
from ml3zoo.store import save_loss
from ml3zoo.tabular import read_table

pd = pytest.importorskip("pandas")
datasets = pytest.importorskip("sklearn.datasets")


@pytest.fixture(scope="session")
def weighting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loss(
        find_recipe("sine-regression").fresh_loss(0), tmp_path_factory.mktemp("losses") / "sine-regression"
    )


def frame(rows: int = 40) -> Any:
    a = np.random.default_rng(0).normal(size=rows)
    return pd.DataFrame({"a": a, "colour": ["red", "blue"] * (rows // 2) + ["red"] * (rows % 2), "price": 2 * a + 1})


def saved(table: Any, tmp_path: Path) -> Path:
    table.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_diabetes_gives_a_report_and_files(weighting: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    data = saved(datasets.load_diabetes(as_frame=True).frame, tmp_path)
    report = apply_loss(weighting, data, "target", steps=20, seeds=2, out=tmp_path / "out")
    assert (report.rows, report.features, report.dropped_rows) == (442, 10, 0)
    names = {"model.safetensors", "predictions.csv", "report.json", "learning_curves.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report.as_dict()
    assert len(pd.read_csv(tmp_path / "out" / "predictions.csv")) == report.split["test"]
    for contender in report.contenders:
        rmse = contender.metrics["rmse"]["mean"]
        assert rmse is not None
        assert rmse < 90


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("a,price\n", "empty"),
        ("a,price\n1,2\n", "1 row "),
        ("a,a,price\n" + "1,2,3\n" * 12, "more than one column named 'a'"),
        ("a,price\n" + "1,\n" * 12, "no finite value"),
        ("a,price\n" + "1,cheap\n" * 12, "'cheap'"),
        ("a,price\n" + "1,7\n" * 12, "constant"),
        ("price\n" + "".join(f"{k}\n" for k in range(12)), "no usable feature"),
        ("a,price\n" + "".join(f",{k}\n" for k in range(12)), "no usable feature"),
        ("a,prices\n" + "1,7\n" * 12, "Did you mean 'prices'"),
    ],
)
def test_bad_tables_are_explained(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_table(path, "price")


@pytest.mark.parametrize("name", ["garbage.csv", "garbage.parquet"])
def test_garbage_is_explained(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(bytes(range(255, 0, -1)) * 20)
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / name, "price")


@pytest.mark.parametrize(("name", "message"), [("none.csv", "no file"), ("table.xlsx", "was expected")])
def test_wrong_paths_are_explained(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name, "price")


def test_missing_and_infinite_values(tmp_path: Path) -> None:
    table = frame()
    table.loc[:3, "a"] = np.inf
    table.loc[2:5, "colour"] = None
    table.loc[:1, "price"] = np.nan
    table["nothing"] = np.nan
    ready = read_table(saved(table, tmp_path), "price")
    assert (ready.rows, ready.dropped, ready.features) == (38, 2, 3)
    assert all(part.isfinite().all() for part in ready.x.values())
    assert abs(float(ready.y["train"].mean())) < 1e-5


def test_parquet_equals_csv(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame().to_parquet(tmp_path / "table.parquet")
    ours, theirs = (
        read_table(tmp_path / "table.parquet", "price"),
        read_table(saved(frame(), tmp_path), "price"),
    )
    assert ours.x["test"].allclose(theirs.x["test"])
    assert ours.index == theirs.index


def test_a_foreign_folder_is_left_alone(weighting: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        apply_loss(weighting, saved(frame(), tmp_path), "price", out=tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_counts_out_of_range(weighting: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="seeds=0"):
        apply_loss(weighting, saved(frame(), tmp_path), "price", seeds=0)

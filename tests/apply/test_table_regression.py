from __future__ import annotations

import csv
import itertools
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ml3zoo.apply.table import apply_loss
from ml3zoo.apply.table.columns import read_columns
from ml3zoo.apply.table.measures.regression import MEASURE as REGRESSION
from ml3zoo.apply.table.preparation import TextColumn, prepare
from ml3zoo.apply.table.table import read_table
from ml3zoo.apply.table.targets import NumericTarget
from ml3zoo.errors import DataError, InputError, OutputError
from ml3zoo.recipe import find_recipe
from ml3zoo.zoo.store import save_loss
from tests.command import DIABETES

pd = pytest.importorskip("pandas")


@pytest.fixture(scope="session")
def weighted_mse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_loss(
        find_recipe("sine-regression").fresh_loss(0), tmp_path_factory.mktemp("losses") / "sine-regression"
    )


def frame(rows: int = 40) -> Any:
    a = np.random.default_rng(0).normal(size=rows)
    return pd.DataFrame({"a": a, "colour": ["red", "blue"] * (rows // 2) + ["red"] * (rows % 2), "price": 2 * a + 1})


def saved(table: Any, tmp_path: Path) -> Path:
    table.to_csv(tmp_path / "table.csv", index=False)
    return tmp_path / "table.csv"


def test_diabetes_gives_a_report_and_files(weighted_mse: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    report = apply_loss(weighted_mse, DIABETES, "target", epochs=2, splits=2, out=tmp_path / "out")
    assert (report.rows, report.features, report.without_target) == (442, 10, 0)
    names = {"model.safetensors", "predictions.csv", "report.json", "learning_curves.png", "ranking.png"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == names
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert written.pop("sha256").keys() == names - {"report.json"}
    assert written == report.as_dict()
    assert len(pd.read_csv(tmp_path / "out" / "predictions.csv")) == report.split["test"]
    for method in report.methods:
        rmse = method.metrics["rmse"].mean
        assert rmse is not None
        assert rmse < 200


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
        ("a,b,price\n" + "1,2,3,7\n" * 12, "line 2 .* has 4 fields, its header has 3"),
        ("a,price\n" + "1,2\n" * 12 + "\n1,2,\n", "line 15 .* has 3 fields"),
        ("a,b,price\n" + "1,2,3\n" * 12 + "1,2\n", "line 14 .* has 2 fields"),
        ('a,price\n"x\ny",1\n' + "1,5;2\n" * 2 + "1,5,2\n", "line 6 "),
        ("a,price\n" + "1,2\n" * 12 + "1,1e300\n", r"'price' holds 1e\+300, out of range"),
        ("a,price\n" + "".join(f"{k},{k}\n" for k in range(12)) + "1e300,1\n", r"'a' holds 1e\+300, out of range"),
        ("a,prices\n" + "1,7\n" * 12, "Did you mean 'prices'"),
        ("a,price\n" + "1,2\n" * 11 + "1,7 EUR\n", "'7 EUR' in row 12: .* Correct or empty the cell"),
        (
            "a,price\n" + "1,2\n" * 11 + "n.a.?,3\n",
            "'a' holds numbers in 11 rows and text in 1, such as 'n.a.[?]' in row 12",
        ),
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
    with pytest.raises(DataError, match="cannot be read") as raised:
        read_table(tmp_path / name, "price")
    assert ("UTF-8" in str(raised.value)) == name.endswith(".csv")


@pytest.mark.parametrize(
    "target",
    [
        pd.date_range("2020", periods=20),
        pd.timedelta_range("1h", periods=20),
        pd.period_range("2020", periods=20, freq="M"),
        pd.Categorical(pd.date_range("2020", periods=20)),
        [pd.Timestamp("2020")] * 20,
    ],
    ids=["dates", "durations", "periods", "categories of dates", "objects"],
)
def test_dates_are_not_numbers(target: Any) -> None:
    with pytest.raises(DataError, match=r"numbers|not numeric"):
        NumericTarget.read(pd.Series(target), "price")


def test_numbers_of_any_type_are_numbers() -> None:
    for values in (pd.Categorical([1, 2]), ["1", "2"], pd.array([1, 2], dtype="Int64"), [Decimal(1), Decimal(2)]):
        assert NumericTarget.read(pd.Series(values), "price").tolist() == [1, 2]


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
    assert (ready.rows, ready.without_target, ready.features) == (38, 2, 3)
    assert ready.x.isfinite().all()
    assert abs(float(ready.y[ready.deal(0)["train"]].mean())) < 1e-5


def test_large_numbers_within_range_do_not_warn(tmp_path: Path) -> None:
    table = frame()
    table["a"] *= 1e99
    table["price"] *= -1e99
    ready = read_table(saved(table, tmp_path), "price")
    assert all(part.isfinite().all() for part in (ready.x, ready.y))


def test_rare_and_unknown_texts_share_an_input() -> None:
    known = [f"w{k}" for k in (*range(40), *range(35))] + [None]
    (column,), encoded = prepare(read_columns(pd.DataFrame({"word": [*known, "never seen"]})), np.arange(len(known)))
    assert isinstance(column, TextColumn)
    assert column.others
    assert len(column.categories) == 31
    assert column.fill == "w0"
    assert encoded.shape == (len(known) + 1, 32)
    assert (encoded.sum(1) == 1).all()
    assert (encoded[known.index("w0")] == encoded[known.index(None)]).all()
    assert encoded[[known.index("w39"), -1], -1].tolist() == [1, 1]
    _, few = prepare(read_columns(pd.DataFrame({"word": ["a", "b", "never seen"]})), np.arange(2))
    assert few[2].sum() == 0


def test_the_saved_network_can_be_used_again(weighted_mse: Path, tmp_path: Path) -> None:
    """From the table, ``report.json`` and ``model.safetensors`` alone, as ``how_to_use`` says."""
    table = frame(150)
    table["shade"] = [None if k % 7 == 0 else f"shade {k % 50}" for k in range(150)]
    table.loc[::9, "a"] = np.nan
    table["flat"] = 3
    data, out = saved(table, tmp_path), tmp_path / "out"
    report = apply_loss(weighted_mse, data, "price", epochs=4, splits=2, out=out, plot=False)
    with data.open(newline="") as file:
        rows = list(csv.DictReader(file))
    network = json.loads((out / "report.json").read_text())["network"]
    assert [column.get("others") for column in network["columns"]] == [None, False, True]
    assert report.left_out == {"the same in every row": ["flat"]}
    inputs: list[list[float]] = []
    for row in rows:
        one: list[float] = []
        for column in network["columns"]:
            value = row[column["name"]]
            if "median" in column:
                one.append(((float(value) if value else column["median"]) - column["mean"]) / column["scale"])
                continue
            hot = [float((value or column["fill"]) == category) for category in column["categories"]]
            one += [*hot, 1 - sum(hot)] if column["others"] else hot
        inputs.append(one)
    assert {len(one) for one in inputs} == {network["sizes"][0]}
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(network["sizes"]):
        layers += [nn.Linear(before, after), getattr(nn, network["activation"])()]
    model = nn.Sequential(*layers[:-1])
    model.load_state_dict(load_file(out / "model.safetensors"))
    output = model(torch.tensor(inputs)).squeeze(1).detach().double().numpy()
    written = pd.read_csv(out / "predictions.csv")
    predicted = output[written["index"]] * network["target"]["std"] + network["target"]["mean"]
    np.testing.assert_allclose(predicted, written["sine-regression"], rtol=1e-5)
    truth = [float(rows[index]["price"]) for index in written["index"]]
    np.testing.assert_allclose(truth, written["target"], rtol=1e-5)


def test_an_earlier_report_is_replaced_but_not_with_another_file_in_it(weighted_mse: Path, tmp_path: Path) -> None:
    data, out = saved(frame(), tmp_path), tmp_path / "out"
    for _ in range(2):
        apply_loss(weighted_mse, data, "price", epochs=1, splits=1, out=out, plot=False)
    (out / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"notes\.txt"):
        apply_loss(weighted_mse, data, "price", epochs=1, splits=1, out=out, plot=False)


def test_parquet_equals_csv(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame().to_parquet(tmp_path / "table.parquet")
    ours, theirs = (
        read_table(tmp_path / "table.parquet", "price"),
        read_table(saved(frame(), tmp_path), "price"),
    )
    assert ours.x.allclose(theirs.x)
    assert ours.index.tolist() == theirs.index.tolist()


def test_a_folder_with_other_files_is_left_alone(weighted_mse: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds other files"):
        apply_loss(weighted_mse, saved(frame(), tmp_path), "price", out=tmp_path / "out")
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_counts_out_of_range(weighted_mse: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="splits=0"):
        apply_loss(weighted_mse, saved(frame(), tmp_path), "price", splits=0)


def saved_test(table: Any, tmp_path: Path) -> Path:
    table.to_csv(tmp_path / "test.csv", index=False)
    return tmp_path / "test.csv"


def test_text_among_few_numbers_is_text(tmp_path: Path) -> None:
    table = frame(20)
    table["size"] = ["1", "2", "3b", "4c"] * 5
    assert read_table(saved(table, tmp_path), "price").features == 1 + 2 + 4


@pytest.mark.parametrize("name", ["inverse-dynamics", "shaped-sine"])
def test_a_loss_with_a_feature_is_not_for_tables(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"feature .* which a table does not have.* ml3zoo info {name}"):
        apply_loss(name, saved(frame(), tmp_path), "price")


def test_a_caveat_says_where_mae_contradicts_rmse() -> None:
    theirs = {"rmse": np.array([2.0, 2.0]), "mae": np.array([1.0, 1.0])}
    for rmse, mae, expected in (
        (2.1, 0.5, "MAE is 50% lower"),
        (1.9, 1.5, "MAE is 50% higher"),
        (2.1, 0.95, ""),
        (2.1, 2, ""),
    ):
        ours = {"rmse": np.full(2, rmse), "mae": np.full(2, mae)}
        caveat = REGRESSION.caveat("rmse", ours, theirs)
        assert expected in caveat
        assert REGRESSION.caveat("mae", ours, theirs) == ""
        assert ("--test" in caveat) == bool(expected)


def test_test_rows_may_come_from_another_table(tmp_path: Path) -> None:
    table, clean = frame(40), frame(30)[["price", "colour", "a"]]
    clean.loc[3, "price"] = np.nan
    clean.loc[4, "a"] = np.nan
    clean.loc[5, "colour"] = "never seen"
    ready = read_table(saved(table, tmp_path), "price", test=saved_test(clean, tmp_path))
    dealt = ready.deal(0)
    assert {part: len(rows) for part, rows in dealt.items()} == {"train": 30, "valid": 10, "test": 29}
    assert ready.without_target == 1
    assert ready.own_test
    test_rows, index = ready.test_rows, ready.index[ready.test_rows]
    assert set(dealt["test"]) <= set(test_rows.tolist())
    assert index.tolist() == [*range(3), *range(4, 30)]
    trained = table.iloc[ready.index[dealt["train"]]]
    expected = (clean["a"].fillna(trained["a"].median()) - trained["a"].mean()) / trained["a"].std(ddof=0)
    np.testing.assert_allclose(ready.x[test_rows, 0], expected[index], rtol=1e-5)
    assert ready.x[test_rows[index.tolist().index(5)], 1:].tolist() == [0, 0]
    np.testing.assert_allclose(ready.target.decode(ready.y[test_rows]), clean["price"].dropna(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ready.truth[test_rows], clean["price"].dropna())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="a"), r"test\.csv lacks 'a'"),
        (lambda t: t.drop(columns="price"), r"test\.csv has no column 'price'"),
        (lambda t: t.assign(b=1), r"test\.csv also has 'b'"),
        (lambda t: t.rename(columns={"colour": "color"}), "lacks 'colour' and also has 'color'.*Did you mean"),
        (lambda t: t.assign(a="red"), "'a' holds numbers in .* and text in .*'red'"),
        (lambda t: t.assign(colour=1), "'colour' holds text in .* and numbers in .*'red'"),
        (lambda t: t.assign(price="cheap"), r"target 'price' of .*test\.csv is not numeric"),
        (lambda t: t.head(3), r"test\.csv has 3 rows"),
    ],
)
def test_tables_that_do_not_fit_together_are_explained(change: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read_table(saved(frame(), tmp_path), "price", test=saved_test(change(frame()), tmp_path))


def test_missing_values_do_not_make_another_type(tmp_path: Path) -> None:
    table, clean = frame(), frame()
    for one in (table, clean):
        one["flag"] = [k % 3 == 0 for k in range(len(one))]
    clean["flag"] = clean["flag"].astype(object)
    clean.loc[0, "flag"] = None
    clean["colour"] = None
    ready = read_table(saved(table, tmp_path), "price", test=saved_test(clean, tmp_path))
    assert ready.features == 4
    assert ready.x.isfinite().all()


def test_rows_of_another_table_are_what_is_reported(weighted_mse: Path, tmp_path: Path) -> None:
    data, clean = saved(frame(60), tmp_path), saved_test(frame(20), tmp_path)
    report = apply_loss(weighted_mse, data, "price", test=clean, epochs=1, splits=2, out=tmp_path / "out", plot=False)
    assert report.split == {"train": 45, "valid": 15, "test": 20}
    assert f"20 test from {clean}" in report.lines()[0]
    written = pd.read_csv(tmp_path / "out" / "predictions.csv")
    assert written["index"].tolist() == list(range(20))
    np.testing.assert_allclose(written["target"], frame(20)["price"])


def test_robust_baselines_take_part_and_the_best_on_validation_rows_is_the_baseline(
    weighted_mse: Path, tmp_path: Path
) -> None:
    """A quarter of the rows are far off: absolute error selects, and squared error does not win."""
    table = frame(100)
    table.loc[::4, "price"] = 60
    report = apply_loss(
        weighted_mse,
        saved(table, tmp_path),
        "price",
        test=saved_test(frame(40), tmp_path),
        baselines=True,
        epochs=3,
        splits=2,
        out=tmp_path / "out",
        plot=False,
    )
    assert {method.loss for method in report.methods} >= {"sine-regression", "MSE"}
    assert len({method.loss for method in report.methods}) == 6
    assert "MAE" in report.selection_metric
    assert not report.baseline.startswith("MSE")
    assert f"than tuned {report.baseline.removesuffix(', tuned')}" in report.verdict

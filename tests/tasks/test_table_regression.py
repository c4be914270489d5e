"""Regression on tables: training targets are noisy, test targets are the table's own, in the same units."""

from __future__ import annotations

import pytest
import torch

from ml3zoo.errors import DataError, InputError
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.outliers import Outliers
from ml3zoo.tasks.table_regression import TableRegression
from ml3zoo.tasks.tables import TableNumbers
from ml3zoo.tasks.tables.lists import MeasuredTable
from ml3zoo.tasks.target_noise import TargetNoise
from tests.made_up_tables import table

pytestmark = pytest.mark.usefixtures("made_up_tables")
CLEAN = TargetNoise(("no",))


def family(noise=CLEAN, features: int = 3, **more) -> TableRegression:
    settings = {"points": (100, 400), "validation": 40, "held_out": 60} | more
    return TableRegression(
        source=TableNumbers(("numbers",), features), noise=noise, optimizee=MLP((features, 8, 1)), **settings
    )


def sampled(tasks: TableRegression, n: int = 4, seed: int = 0):
    return tasks.sample(torch.Generator().manual_seed(seed), n, "train")


def test_clean_targets_are_the_table_s_own_standardised():
    data = sampled(family()).data
    for i in range(4):
        rows = data["n_rows"][i]
        assert data["y"][i, :rows].mean().abs() < 1e-5
        assert data["y"][i, :rows].std().item() == pytest.approx(1, abs=1e-5)
        numbers = {name: (data[f"x{name}"][i, :, 0] * 100).round().long() for name in ("", "_valid", "_test")}
        raw = table("numbers").target
        mine = (raw - raw[numbers[""][:rows]].mean()) / raw[numbers[""][:rows]].std()
        for name, found in numbers.items():
            torch.testing.assert_close(data[f"y{name}"][i, :, 0], mine[found], atol=1e-4, rtol=1e-4)


def test_outliers_are_in_training_and_validation_only():
    """Standardising is linear, so that one line maps all clean targets of a task onto the raw ones."""
    data = sampled(family(Outliers((0.3, 0.3)))).data
    raw = table("numbers").target

    def rows(name: str, i: int) -> torch.Tensor:
        return raw[(data[f"x{name}"][i, :, 0] * 100).round().long()]

    for i in range(4):
        y = data["y_test"][i, :, 0]
        slope = (y[1:] - y[0]) / (rows("_test", i)[1:] - rows("_test", i)[0])
        torch.testing.assert_close(slope, slope.median().expand_as(slope), atol=1e-2, rtol=1e-2)
        for name in ("", "_valid"):
            line = y[0] + slope.median() * (rows(name, i) - rows("_test", i)[0])
            wrong = (data[f"y{name}"][i, :, 0] - line).abs() > 0.05
            assert 0.1 < wrong.double().mean() < 0.5


def test_a_repeated_row_has_one_target():
    data = sampled(family(Outliers((0.3, 0.3)), points=(400, 400), validation=200)).data
    for name, distinct in (("y", 500 - 83 - 60), ("y_valid", 83)):
        y = data[name][0, :, 0]
        assert torch.equal(y, y[torch.arange(len(y)) % distinct])


def test_the_objective_is_one_for_a_constant_and_zero_for_the_truth():
    tasks = family()
    one = {name: x[0] for name, x in sampled(tasks).data.items()}
    params = {name: torch.zeros_like(p[0]) for name, p in sampled(tasks).initial.items()}
    params["2.bias"] = one["y_test"].mean()[None]
    assert tasks.objective(params, one).item() == pytest.approx(1, abs=0.03)
    assert tasks.loss_arguments(params, one)["input"].shape == one["y"].shape == (400, 1)


def test_networks_are_narrow_where_tables_are():
    tasks = sampled(family(features=12), n=200)
    assert tasks.initial["0.weight"].abs().max().item() == pytest.approx(3**-0.5, rel=0.02)
    assert (tasks.data["x"][..., 3:] == 0).all()


def test_all_rows_of_a_table_to_measure_on():
    measured = TableRegression.on(MeasuredTable("made:numbers", 500, 3, 0), MLP((3, 1)), CLEAN)
    data = sampled(measured).data
    assert [data[name].shape[1] for name in ("y", "y_valid", "y_test")] == [300, 75, 125]
    assert data["n_rows"].tolist() == [300] * 4
    assert str(measured.source) == "numbers"


def test_what_does_not_fit_is_refused():
    with pytest.raises(DataError, match="'small' has 3 classes: a number as the target"):
        TableRegression(source=TableNumbers(("small",), 3), noise=CLEAN, optimizee=MLP((3, 1))).sample(
            torch.Generator(), 1, "train"
        )
    with pytest.raises(InputError, match="has 2 outputs: 1 were expected"):
        TableRegression(source=TableNumbers(("numbers",), 3), noise=CLEAN, optimizee=MLP((3, 2)))


def test_outliers_come_at_their_rate_and_to_their_sides():
    x = torch.zeros(300, 400, 1)
    for rate in (0.0, 0.05, 0.3):
        added = Outliers((rate, rate), distance=(2.0, 8.0))(torch.Generator().manual_seed(0), x)
        assert (added != 0).double().mean().item() == pytest.approx(rate, abs=0.01)
        assert ((added == 0) | ((added.abs() >= 2) & (added.abs() <= 8))).all()
    both = Outliers((0.2, 0.4), "both")(torch.Generator().manual_seed(0), x)
    one = Outliers((0.2, 0.4), "one")(torch.Generator().manual_seed(0), x)
    assert ((both > 0).any(1) & (both < 0).any(1)).all()
    assert not ((one > 0).any(1) & (one < 0).any(1)).any()
    assert 0.4 < (one > 0).any(1).double().mean() < 0.6
    assert str(Outliers((0.15, 0.15), "one")) == "15% outliers to one side"

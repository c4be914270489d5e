"""A difference is claimed where there is none at most one time in twenty."""

from __future__ import annotations

import numpy as np
import pytest

from ml3zoo.apply.figures import Array
from ml3zoo.apply.verdict import Difference, MetricFormat, verdict


def gaps(generator: np.random.Generator, rows: int, splits: int, advantage: float = 0.0) -> Array:
    """Of two ridge regressions on one table, each of which sees a noisy copy of the inputs: exchangeable, but unlike.

    Args:
        generator: draws the table and its splits.
        rows: of the table.
        splits: 60 % train, 20 % test.
        advantage: how much less noise there is in what the first one sees.
    """
    inputs = generator.normal(size=(rows, 8))
    y = inputs @ generator.normal(size=8) + generator.normal(size=rows)
    seen = [inputs + (0.7 - less) * generator.normal(size=inputs.shape) for less in (advantage, 0.0)]
    found = []
    for _ in range(splits):
        order = generator.permutation(rows)
        train, test = order[: int(0.6 * rows)], order[int(0.8 * rows) :]
        errors = []
        for x in seen:
            weight = np.linalg.solve(x[train].T @ x[train] + np.eye(8), x[train].T @ y[train])
            errors.append(np.sqrt(np.mean((x[test] @ weight - y[test]) ** 2)))
        found.append(errors[0] - errors[1])
    return np.array(found)


def claimed(rows: int, advantage: float, shared: float, tables: int = 200) -> float:
    """Share of tables on which a difference is claimed."""
    generator = np.random.default_rng(0)
    differences = [Difference.of(gaps(generator, rows, 10, advantage), shared) for _ in range(tables)]
    return float(np.mean([not one.low <= 0 <= one.high for one in differences]))  # type: ignore[operator]


@pytest.mark.parametrize("rows", [120, 400])
def test_where_there_is_no_difference_few_are_claimed(rows: int) -> None:
    assert claimed(rows, 0.0, 1 / 3) <= 0.05


def test_splits_taken_for_independent_would_claim_many() -> None:
    assert claimed(120, 0.0, 0.0, tables=100) > 0.15


def test_a_difference_is_found() -> None:
    assert claimed(400, 0.4, 1 / 3, tables=100) > 0.6


def test_what_could_have_been_seen_is_told() -> None:
    difference = Difference.of(np.array([0.01, -0.01, 0.02, -0.02, 0.0]))
    sentence = verdict(
        "ours", "theirs", difference, MetricFormat(metric="error", unit=" points", factor=100, digits=".1f"), "5 splits"
    )
    assert sentence.startswith("No clear difference: ours gives the same error as theirs (95 % interval over 5 splits")
    assert sentence.endswith("One of 2.6 points would have been seen four times in five.")


def test_no_spread_no_verdict() -> None:
    difference = Difference.of(np.array([0.01, 0.01]))
    assert difference.low is None
    assert "have no spread" in verdict("ours", "theirs", difference, MetricFormat(metric="error"), "2 splits")

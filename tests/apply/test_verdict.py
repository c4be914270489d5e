"""A difference is claimed where there is none at most one time in twenty."""

from __future__ import annotations

import numpy as np
import pytest

from ml3zoo.apply.figures import Array
from ml3zoo.apply.verdict import Difference, MetricFormat, verdict


def errors(
    generator: np.random.Generator, rows: int, losses: int, advantage: float = 0.0, splits: int = 10
) -> tuple[Array, Array]:
    """Of ridge regressions on one table, each of which sees a noisy copy of the inputs: exchangeable, but unlike.

    Args:
        generator: draws the table and its splits.
        rows: of the table.
        losses: how many regressions stand for losses.
        advantage: how much less noise there is in what the first one sees.
        splits: 60 % train, 20 % valid, 20 % test.

    Returns:
        RMSE on validation and on test rows, [splits, losses].
    """
    inputs = generator.normal(size=(rows, 8))
    y = inputs @ generator.normal(size=8) + generator.normal(size=rows)
    noise = np.full(losses, 0.7) - advantage * (np.arange(losses) == 0)
    seen = inputs + noise[:, None, None] * generator.normal(size=(losses, *inputs.shape))
    found = []
    for _ in range(splits):
        train, *others = np.split(generator.permutation(rows), [int(0.6 * rows), int(0.8 * rows)])
        x = seen[:, train]
        weight = np.linalg.solve(x.mT @ x + np.eye(8), x.mT @ y[train, None])
        found.append([np.sqrt(np.mean((seen[:, part] @ weight - y[part, None]) ** 2, (1, 2))) for part in others])
    valid, test = np.array(found).swapaxes(0, 1)
    return valid, test


def claimed(rows: int, advantage: float, shared: float, tables: int = 200) -> float:
    """Share of tables on which a difference is claimed."""
    generator = np.random.default_rng(0)
    tests = [errors(generator, rows, 2, advantage)[1] for _ in range(tables)]
    differences = [Difference.of(test[:, 0] - test[:, 1], shared) for test in tests]
    return float(np.mean([not one.low <= 0 <= one.high for one in differences]))  # type: ignore[operator]


@pytest.mark.parametrize("rows", [120, 400])
def test_where_there_is_no_difference_few_are_claimed(rows: int) -> None:
    assert claimed(rows, 0.0, 1 / 3) <= 0.05


def test_splits_taken_for_independent_would_claim_many() -> None:
    assert claimed(120, 0.0, 0.0, tables=100) > 0.15


def test_the_best_of_many_is_not_claimed_to_be_better_by_chance() -> None:
    """The best of 18 on validation rows, of which six came to the end, beside the first."""
    generator, found = np.random.default_rng(0), 0
    for _ in range(200):
        valid, test = errors(generator, 200, 18)
        best = int(valid.mean(0).argmin())
        difference = Difference.of(test[:, best] - test[:, 0], 1 / 3, among=6)
        found += difference.high is not None and difference.high < 0
    assert found / 200 <= 0.05


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

"""Regression: errors in the target's own units."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from torch import Tensor

from ml3zoo.apply.figures import Array
from ml3zoo.apply.table.measures.base import Comparison, Measure, SelectionMetric
from ml3zoo.apply.table.targets import NumericTarget, Target
from ml3zoo.evaluate.baselines import ROBUST_REGRESSION


def _squared(output: Tensor, truth: Tensor) -> tuple[Array]:
    return (_mean((output - truth).double().square()),)


def _absolute(output: Tensor, truth: Tensor) -> tuple[Array]:
    return (_mean((output - truth).double().abs()),)


def _mean(error: Tensor) -> Array:
    """Over rows, of errors [networks, rows, 1]."""
    mean: Array = error.squeeze(-1).mean(1).nan_to_num(math.inf, math.inf).numpy()
    return mean


_MENTIONED_FROM = 0.1
"""MAE is mentioned where it contradicts RMSE by at least this relative gap."""


class Regression(Measure):
    """Root mean squared error, mean absolute error and share of the variance explained.

    By absolute error a few wrong rows decide less than by squared error.
    """

    target = NumericTarget
    comparisons: ClassVar = {
        "rmse": Comparison(SelectionMetric("validation MSE (standardised target)", _squared), ROBUST_REGRESSION),
        "mae": Comparison(SelectionMetric("validation MAE (standardised target)", _absolute), ROBUST_REGRESSION),
    }
    robust = "mae"
    metrics: ClassVar = {"rmse": "RMSE", "mae": "MAE", "r2": "R2"}
    unit = "%"

    def scores(self, output: Tensor, truth: Tensor, target: Target) -> dict[str, Array]:
        """In the target's own units, the share of variance aside."""
        values = target.decode(truth)
        error = target.decode(output) - values
        with np.errstate(all="ignore"):
            return {
                "rmse": np.sqrt((error**2).mean(1)),
                "mae": np.abs(error).mean(1),
                "r2": 1 - (error**2).sum(1) / ((values - values.mean(1, keepdims=True)) ** 2).sum(1),
            }

    def gap(self, ours: Array, theirs: Array) -> Array:
        """Relative to the other loss's mean over networks."""
        with np.errstate(all="ignore"):
            gap: Array = (ours - theirs) / theirs.mean()
        return gap

    def caveat(self, headline: str, ours: dict[str, Array], theirs: dict[str, Array]) -> str:
        """Says where a few test rows may have decided the squared error."""
        squared, absolute = (self.gap(ours[name], theirs[name]).mean() for name in ("rmse", "mae"))
        if headline == "rmse" and squared * absolute < 0 and abs(absolute) > _MENTIONED_FROM:
            way = "lower" if absolute < 0 else "higher"
            return (
                f"Its test MAE is {abs(100 * absolute):.0f}% {way}, though: a few outliers among the test rows may "
                "decide RMSE. If their targets may be wrong, give a table with right ones by --test."
            )
        return ""


MEASURE = Regression()

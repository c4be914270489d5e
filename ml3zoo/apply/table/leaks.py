"""What makes results look too good: a column that gives the target away, or rows that are in two parts."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml3zoo.apply.table.columns import Columns, ReadColumn

_NEARLY_ALL = 0.98
"""From this share of the target that a column explains alone it is suspicious."""
_ROWS = 2000
"""Rows that are looked at."""
_REPEATED = 0.1
"""From this share of repeated rows on they are mentioned."""


def give_away(columns: Columns, rows: NDArray[np.int64], target: NDArray[Any]) -> list[str]:
    """The columns that alone predict the target nearly perfectly.

    Args:
        columns: the features.
        rows: numbers of the rows to look at.
        target: of these rows: numbers, or classes as text.
    """
    if len(rows) > _ROWS:
        few = np.linspace(0, len(rows) - 1, _ROWS).astype(int)
        rows, target = rows[few], target[few]
    explains = _classes_explained if target.dtype == object else _variance_explained
    return [name for name, column in columns.items() if _explained(explains, column, rows, target) >= _NEARLY_ALL]


def _explained(explains: Any, column: ReadColumn, rows: NDArray[np.int64], target: NDArray[Any]) -> float:
    known = column.known[rows]
    if known.sum() < max(10, len(rows) / 2):
        return 0.0
    values = column.values[rows][known]
    return float(explains(values, target[known], column.is_text)) if len(set(values.tolist())) > 1 else 0.0


def _variance_explained(values: NDArray[Any], target: NDArray[np.float64], is_text: bool) -> float:
    """By the mean of each text's other rows; by a line through numbers, or through their ranks."""
    import pandas as pd

    if is_text:
        groups = pd.Series(target).groupby(values)
        counts = groups.transform("count").to_numpy()
        others = (groups.transform("sum").to_numpy() - target) / np.maximum(counts - 1, 1)
        error = np.where(counts > 1, target - others, target - target.mean())
        return float(1 - error.var() / max(target.var(), 1e-300))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        x, y = pd.Series(values.astype(float)), pd.Series(target)
        found = [x.corr(y) ** 2, x.rank().corr(y.rank()) ** 2]
    return float(np.nan_to_num(max(found)))


def _classes_explained(values: NDArray[Any], target: NDArray[Any], is_text: bool) -> float:
    """The share of the errors of naming the largest class always that knowing the column spares, on other rows."""
    import pandas as pd

    largest = pd.Series(target).value_counts().iloc[0]
    if largest == len(target):
        return 0.0
    if is_text:
        counts = pd.crosstab(values, target).to_numpy()
        right = int(counts.max(1)[counts.sum(1) > 1].sum())
    else:
        from sklearn.model_selection import KFold, cross_val_predict
        from sklearn.tree import DecisionTreeClassifier

        tree = DecisionTreeClassifier(max_leaf_nodes=2 * len(set(target)), random_state=0)
        folds = KFold(5, shuffle=True, random_state=0)
        right = int(
            (cross_val_predict(tree, values.astype(float)[:, None], target.astype(str), cv=folds) == target).sum()
        )
    return 1 - (len(target) - right) / (len(target) - int(largest))


def of_repeated(data: Any) -> str:
    """A warning of rows that occur more than once; empty if they are few, or alike by chance.

    Args:
        data: features and target of the rows, a data frame.
    """
    repeated, rows = int(data.duplicated(keep=False).sum()), len(data)
    if repeated <= _REPEATED * rows or data.nunique().max() <= rows / 4:
        return ""
    return (
        f"{repeated} of {rows} rows occur more than once: some are both trained and tested on, and results look better "
        "than they are"
    )


def of_shared(data: Any, test: Any) -> str:
    """A warning of test rows that are trained on; empty unless they are most, and more than alike by chance.

    Args:
        data: features and target of the rows to train on, a data frame.
        test: those of the test rows.
    """
    import pandas as pd

    ours, theirs = (pd.util.hash_pandas_object(each, index=False) for each in (data, test))
    shared = float(theirs.isin(ours).mean())
    by_chance = float(data.duplicated(keep=False).mean())
    same = len(ours) == len(theirs) and bool((ours.to_numpy() == theirs.to_numpy()).all())
    if not same and shared - by_chance <= 0.5:
        return ""
    return (
        f"{shared:.0%} of the rows of the test table are among those to train on: give rows of their own, or leave "
        "out --test"
    )

"""Which columns of a table a network learns from: none that is empty or constant, or names each row."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml3zoo.apply.table.columns import TAKEN_FOR_TEXT, Columns, ReadColumn
from ml3zoo.apply.table.preparation import MOST_INPUTS
from ml3zoo.errors import DataError

_ID = re.compile(
    r"(?:.*[ _.-])?(?:id|uuid|guid)|(?:row[ _.-]?)?(?:index|idx|no|nr|number|names?)|row|key|unnamed: \d+", re.I
)
_CAMEL_ID = re.compile(r".*[a-z](?:ID|Id)")


@dataclass(frozen=True)
class Choice:
    """Columns to learn from.

    Attributes:
        columns: those.
        left_out: why, by the name of each other one.
        warnings: of those that may be identifiers, a sentence each.
    """

    columns: Columns
    left_out: dict[str, str]
    warnings: tuple[str, ...]


def choose(columns: Columns, training: NDArray[np.int64], keep: Collection[str] = ()) -> Choice:
    """Leave out what says nothing of other rows.

    Args:
        columns: the features.
        training: numbers of the training rows.
        keep: names of columns to learn from, whatever they look like.

    Raises:
        DataError: nothing is left.
    """
    left_out, warnings = {}, []
    for name, column in columns.items():
        rows = column.known[training]
        if not rows.any():
            left_out[name] = "empty"
        elif _distinct(column.values[training][rows]) == 1:
            left_out[name] = "the same in every row"
        elif name not in keep:
            reason, doubt = _identifies(name, column, column.values[column.known])
            if reason:
                left_out[name] = f"{reason}; to use it: --keep {quote(name)}"
            if column.note in TAKEN_FOR_TEXT:
                example = str(column.values[column.known][0])[:40]
                warnings.append(f"{name!r} holds {column.note}, such as {example!r}. {TAKEN_FOR_TEXT[column.note][1]}")
            if doubt:
                warnings.append(f"{name!r} {doubt}. If it only names the rows, leave it out: --drop {quote(name)}")
    kept = {name: column for name, column in columns.items() if name not in left_out}
    if not kept:
        reasons = ", ".join(f"{name!r} ({reason})" for name, reason in left_out.items())
        others = f" but the target: {reasons}" if reasons else ": the target is the only one"
        raise DataError(f"no usable feature column{others}. Add features, or name some of these by --keep.")
    return Choice(kept, left_out, tuple(warnings))


def _identifies(name: str, column: ReadColumn, values: NDArray[np.float64]) -> tuple[str, str]:
    """Why a column is taken for an identifier, and why it may be one; empty if not."""
    distinct = _distinct(values)
    if column.is_text:
        if distinct == len(values) > 1:
            return "a different text in each row", ""
        return ("mostly different texts" if distinct > max(len(values) / 2, MOST_INPUTS) else ""), ""
    if column.kind != "numbers" or (values % 1 != 0).any() or distinct == 1:
        return "", ""
    called = bool(_ID.fullmatch(name) or _CAMEL_ID.fullmatch(name))
    if called and distinct == len(values):
        return "an identifier", ""
    steps = np.diff(values)
    if len(values) == len(column.values) and abs(steps[0]) == 1 and (steps == steps[0]).all():
        return "", "counts the rows"
    return "", "is called like an identifier, and its numbers are taken for amounts" if called else ""


def _distinct(values: NDArray[Any]) -> int:
    import pandas as pd

    return len(pd.unique(values))

"""The column of a table to predict, as a network learns it: one file per kind of problem."""

from __future__ import annotations

from ml3zoo.apply.table.targets.base import Target
from ml3zoo.apply.table.targets.classification import Classes
from ml3zoo.apply.table.targets.regression import Numbers

__all__ = ["Classes", "Numbers", "Target"]

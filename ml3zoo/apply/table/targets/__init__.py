"""The column of a table to predict, as a network learns it: one file per problem type."""

from __future__ import annotations

from ml3zoo.apply.table.targets.base import Target
from ml3zoo.apply.table.targets.classification import ClassTarget
from ml3zoo.apply.table.targets.regression import NumericTarget

__all__ = ["ClassTarget", "NumericTarget", "Target"]

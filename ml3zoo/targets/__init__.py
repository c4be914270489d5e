"""The column of a table to predict, as a network learns it: one file per kind of problem."""

from __future__ import annotations

from ml3zoo.targets.base import Target
from ml3zoo.targets.classification import Classes
from ml3zoo.targets.regression import Numbers

__all__ = ["Classes", "Numbers", "Target"]

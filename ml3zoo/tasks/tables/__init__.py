"""Real tables and images out of installed packages: none is copied into this repository."""

from ml3zoo.tasks.tables.classes import ClassSource, TableMixture, TaughtTables, UnevenTables
from ml3zoo.tasks.tables.numbers import TableNumbers
from ml3zoo.tasks.tables.read import read_table
from ml3zoo.tasks.tables.table import Table

__all__ = ["ClassSource", "Table", "TableMixture", "TableNumbers", "TaughtTables", "UnevenTables", "read_table"]

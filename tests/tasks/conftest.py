"""What tests of tasks share."""

from __future__ import annotations

import pytest

from ml3zoo.tasks.tables import classes, numbers
from tests.made_up_tables import table


@pytest.fixture
def made_up_tables(monkeypatch):
    """Tables are made up, not read from packages."""
    caches = (classes._labelled, numbers._standardised)
    for module in (classes, numbers):
        monkeypatch.setattr(module, "read_table", table)
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()

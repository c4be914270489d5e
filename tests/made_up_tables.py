"""Made-up tables in the place of real ones, for tests that need no package."""

from __future__ import annotations

import torch

from ml3zoo.tasks.tables import Table

ROWS = {"small": 90, "wide": 2000, "many": 700, "numbers": 500, "ties": 200}


def table(name: str) -> Table:
    """The first input is the row's number over 100, so that rows can be told apart."""
    name = name.removeprefix("made:")
    rows = ROWS[name]
    generator = torch.Generator().manual_seed(len(name))
    features = torch.randn(rows, 9 if name == "wide" else 3, generator=generator)
    features[:, 0] = torch.arange(rows) / 100
    if name == "numbers":
        return Table(features, features[:, 1].exp(), 0)
    if name == "ties":
        return Table(features, (features[:, 1] > 1).float() + (features[:, 1] > 2), 0)
    found = 7 if name == "many" else 3
    return Table(features, torch.arange(rows) % found, found)

"""Would a learned loss help on my table? Compared with ordinary losses that are tuned the same way."""

from __future__ import annotations

from ml3zoo.apply.table.apply import apply_loss
from ml3zoo.apply.table.report import TableReport

__all__ = ["TableReport", "apply_loss"]

"""Would a learned loss help on my table? Compared with ordinary losses, tuned as carefully."""

from __future__ import annotations

from ml3zoo.apply.table.apply import apply_loss
from ml3zoo.apply.table.report import ApplyReport

__all__ = ["ApplyReport", "apply_loss"]

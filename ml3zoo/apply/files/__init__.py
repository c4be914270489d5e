"""Tables as files: what is in them is known without torch, and their columns without pandas."""

from __future__ import annotations

from ml3zoo.apply.files.frames import read_frame
from ml3zoo.apply.files.table_file import TableFile

__all__ = ["TableFile", "read_frame"]

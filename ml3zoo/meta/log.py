"""The log of a meta-training: a JSONL file, and TensorBoard where it is installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ml3zoo.format.files import write_text

_FILE = "log.jsonl"


class Log:
    """The log of one meta-training, one record per validation.

    Args:
        folder: where ``log.jsonl`` and TensorBoard's event file go.
        start: drop records from this iteration on; they will be written again.
    """

    def __init__(self, folder: Path, start: int) -> None:
        self._path = folder / _FILE
        earlier = [record for record in read_log(folder) if record["iteration"] < start]
        write_text(self._path, "".join(json.dumps(record) + "\n" for record in earlier))
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self._board = None
        else:
            self._board = SummaryWriter(str(folder), purge_step=start)

    def write(self, record: dict[str, Any]) -> None:
        """Add a record; TensorBoard draws its numbers over ``record["iteration"]``."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        if self._board is not None:
            for name, value in record.items():
                if isinstance(value, int | float):
                    self._board.add_scalar(name, value, record["iteration"])
            self._board.flush()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The records of a meta-training; none if there is no log."""
    path = folder / _FILE
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]

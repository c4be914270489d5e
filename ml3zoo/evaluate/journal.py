"""The cells that an evaluation has measured, on disk: interrupted, it goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ml3zoo.evaluate.protocol import Evaluation
from ml3zoo.files import write_text
from ml3zoo.losses import LearnedLoss


class Journal:
    """What was measured of one loss by one protocol, by the name of the cell.

    Args:
        path: of its file, which need not exist; None keeps nothing.
        loss, evaluation: what is measured; what the file says of others is left out.
    """

    def __init__(self, path: Path | None, loss: LearnedLoss, evaluation: Evaluation) -> None:
        self._path, self._fingerprint = path, _fingerprint(loss, evaluation)

    def read(self) -> dict[str, Any]:
        """The cells measured so far."""
        if self._path is None or not self._path.exists():
            return {}
        kept = json.loads(self._path.read_text(encoding="utf-8"))
        return dict(kept["cells"]) if kept["fingerprint"] == self._fingerprint else {}

    def write(self, cells: dict[str, Any]) -> None:
        """Keep these cells."""
        if self._path is not None:
            write_text(self._path, json.dumps({"fingerprint": self._fingerprint, "cells": cells}))


def _fingerprint(loss: LearnedLoss, evaluation: Evaluation) -> str:
    """Identifies what is measured: equal weights and protocol, equal fingerprint."""
    tasks = evaluation.validation_tasks, evaluation.test_tasks, evaluation.seeds, evaluation.observations
    grids = [(str(cell), cell.lr, cell.learned_lr) for cell in evaluation.cells]
    rivals = [(ordinary.name, ordinary.hyper) for ordinary in evaluation.baselines]
    protocol = tasks, grids, rivals, evaluation.metric, evaluation.grid, evaluation.schedules
    found = hashlib.sha256(repr((loss.config, protocol)).encode())
    for name, p in loss.named_parameters():
        found.update(name.encode() + p.detach().cpu().numpy().tobytes())
    return found.hexdigest()

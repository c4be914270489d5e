"""The setups that an evaluation has measured, on disk: interrupted, it goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
from torch import nn

from ml3zoo.__version__ import __version__
from ml3zoo.errors import CheckpointError
from ml3zoo.evaluate.protocol import Evaluation
from ml3zoo.format.files import write_text
from ml3zoo.losses import LearnedLoss


class _Cached(msgspec.Struct):
    """What the file holds."""

    fingerprint: str
    setups: dict[str, dict[str, Any]]


class EvaluationCache:
    """What was measured of one loss by one protocol, by the name of the setup.

    Args:
        path: of its file, which need not exist; None keeps nothing.
        loss, evaluation, initial: what is measured; what the file says of others is left out.
    """

    def __init__(
        self, path: Path | None, loss: LearnedLoss, evaluation: Evaluation, initial: LearnedLoss | None
    ) -> None:
        self._path, self._fingerprint = path, _fingerprint(loss, evaluation, initial)

    def read(self) -> dict[str, Any]:
        """The setups measured so far.

        Raises:
            CheckpointError: the file is damaged.
        """
        if self._path is None or not self._path.exists():
            return {}
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Cached)
        except msgspec.MsgspecError as error:
            raise CheckpointError(
                f"{self._path} is damaged ({error}): setups that were measured were expected. Delete it, they are then "
                "measured anew."
            ) from error
        return dict(kept.setups) if kept.fingerprint == self._fingerprint else {}

    def write(self, setups: dict[str, Any]) -> None:
        """Keep these setups."""
        if self._path is not None:
            write_text(self._path, json.dumps({"fingerprint": self._fingerprint, "setups": setups}))


def _fingerprint(loss: LearnedLoss, evaluation: Evaluation, initial: LearnedLoss | None) -> str:
    """Identifies what is measured: equal weights, protocol and version, equal fingerprint."""
    tasks = evaluation.validation_tasks, evaluation.test_tasks, evaluation.seeds, evaluation.observations
    baselines = [(ordinary.name, ordinary.hyper) for ordinary in evaluation.baselines]
    protocol = tasks, evaluation.setups, baselines, evaluation.metric, evaluation.grid, evaluation.schedules
    found = hashlib.sha256(repr((__version__, loss.config, protocol)).encode())
    for module in (loss, initial or nn.Identity()):
        for name, p in module.named_parameters():
            found.update(name.encode() + p.detach().cpu().numpy().tobytes())
    return found.hexdigest()

"""The setups that an evaluation has measured, on disk: an interrupted one goes on where it stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
from torch import nn

from ml3zoo.__version__ import __version__
from ml3zoo.errors import CheckpointError
from ml3zoo.evaluate.protocol import Evaluation
from ml3zoo.format.files import write_text
from ml3zoo.format.results import SetupDescription, SetupResult
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.identity import identity_of


class _Cached(msgspec.Struct):
    """What the file holds."""

    fingerprint: str
    setups: list[SetupResult]


class EvaluationCache:
    """What was measured of one loss by one protocol, by setup.

    Args:
        path: of its file, which need not exist; None saves nothing.
        loss, evaluation, initial: what is measured; what the file says of others is ignored.
    """

    def __init__(
        self, path: Path | None, loss: LearnedLoss, evaluation: Evaluation, initial: LearnedLoss | None
    ) -> None:
        self._path, self._fingerprint = path, _fingerprint(loss, evaluation, initial)

    def read(self) -> dict[SetupDescription, SetupResult]:
        """The setups measured so far.

        Raises:
            CheckpointError: the file is damaged.
        """
        if self._path is None or not self._path.exists():
            return {}
        try:
            saved = msgspec.json.decode(self._path.read_bytes(), type=_Cached)
        except msgspec.MsgspecError as error:
            raise CheckpointError(
                f"{self._path} is damaged ({error}): measured setups were expected. Delete it; they are then "
                "measured again."
            ) from error
        if saved.fingerprint != self._fingerprint:
            return {}
        return {measured.setup: measured for measured in saved.setups}

    def write(self, setups: dict[SetupDescription, SetupResult]) -> None:
        """Save these setups."""
        if self._path is not None:
            saved = _Cached(self._fingerprint, list(setups.values()))
            write_text(self._path, msgspec.json.encode(saved).decode())


def _fingerprint(loss: LearnedLoss, evaluation: Evaluation, initial: LearnedLoss | None) -> str:
    """Identifies what is measured: equal weights, protocol with its code, and version, equal fingerprint."""
    protocol = identity_of(
        tasks=(evaluation.validation_tasks, evaluation.test_tasks, evaluation.seeds, evaluation.observations),
        setups=evaluation.setups,
        baselines=evaluation.baselines,
        metric=evaluation.metric,
        grid=evaluation.grid,
        schedules=evaluation.schedules,
    )
    found = hashlib.sha256(repr((__version__, loss.config, protocol.digest())).encode())
    for module in (loss, initial or nn.Identity()):
        for name, p in module.named_parameters():
            found.update(name.encode() + p.detach().cpu().numpy().tobytes())
    return found.hexdigest()

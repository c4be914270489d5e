"""One call of a loss: what it was given, and the signals that follow from that."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ml3zoo.format.config import SignalConfig
from ml3zoo.format.signals import ProblemType


class LossInputs:
    """One call of a loss: its signals by name, each computed when first asked for.

    Args:
        problem_type: whose signals they are.
        known: signals that are given.
        points: shape of one value per point.
        detached: the same call without gradients, from which signals of the batch come; this one if not given.
    """

    def __init__(
        self,
        problem_type: ProblemType,
        known: Mapping[str, Tensor],
        points: torch.Size,
        detached: LossInputs | None = None,
    ) -> None:
        self.problem_type, self.points = problem_type, points
        self._known = dict(known)
        self._detached = detached

    def __getitem__(self, name: str) -> Tensor:
        """A signal: shaped like the points, or a scalar where it is one for the whole batch."""
        if name not in self._known:
            self._known[name] = self._computed(name)
        return self._known[name]

    def signal(self, config: SignalConfig) -> Tensor:
        """One signal after its transforms."""
        value = self[config.signal]
        for transform in config.transforms:
            value = self.problem_type.transforms[transform].rule(value, self)
        return value

    def _computed(self, name: str) -> Tensor:
        signal = self.problem_type.signals[name]
        if signal.scope == "batch" and self._detached is not None:
            return self._detached[name]
        assert signal.rule is not None, f"the call gives no {name}"
        return signal.rule(self)

"""One call of a loss: what it was given, and the signals that follow from that."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ml3zoo.format.config import SignalConfig
from ml3zoo.format.signals import ProblemType
from ml3zoo.losses.reductions import Reductions


class LossInputs(Reductions):
    """One call of a loss: its signals by name, each computed when first asked for.

    Args:
        problem_type: whose signals they are.
        known: signals that are given.
        reductions: how the batch is summed up.
        through_batch: let gradients through the signals of the batch, which are constants otherwise.
    """

    def __init__(
        self,
        problem_type: ProblemType,
        known: Mapping[str, Tensor],
        reductions: Reductions,
        *,
        through_batch: bool = False,
    ) -> None:
        super().__init__(reductions.points, reductions.weights, kind=reductions.kind, group=reductions.group)
        self.problem_type = problem_type
        self._known = dict(known)
        self._through_batch = through_batch

    def __getitem__(self, name: str) -> Tensor:
        """A signal: shaped like the points, or a scalar where it is one for the whole batch."""
        if name not in self._known:
            self._known[name] = self._computed(name)
        return self._known[name]

    def given(self, name: str) -> Tensor | None:
        """What the call or its context gives by a name."""
        return self._known.get(name)

    def give(self, known: Mapping[str, Tensor]) -> None:
        """Add signals that are known."""
        self._known.update(known)

    def signal(self, config: SignalConfig) -> Tensor:
        """One signal after its transforms; one that is detached on the way builds no graph from the start."""
        value = self[config.signal]
        if "detach" in config.transforms:
            value = value.detach()
        for transform in config.transforms:
            value = self.problem_type.transforms[transform].rule(value, self)
        return value

    def _computed(self, name: str) -> Tensor:
        signal = self.problem_type.signals[name]
        assert signal.rule is not None, f"the call gives no {name}"
        constant = signal.scope != "point" and not self._through_batch
        return signal.rule(_Constants(self) if constant else self)


class _Constants(Reductions):
    """The same call without gradients."""

    def __init__(self, inputs: LossInputs) -> None:
        super().__init__(inputs.points, inputs.weights, kind=inputs.kind, group=inputs.group)
        self._inputs = inputs

    def __getitem__(self, name: str) -> Tensor:
        return self._inputs[name].detach()


def of_one_point() -> Reductions:
    """Reductions where the signals of the batch are given."""
    return Reductions(torch.Size())

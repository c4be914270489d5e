"""Named signals: what a loss may look at in one call, and what every problem_type of problem tells about it.

Statistics of the batch as a whole are taken over all points of one call and are constants to the gradient: they tell
the loss where training stands.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.format.config import SignalConfig

SMALLEST = 1e-6
"""Relative errors below this count as zero, so that logarithms and ratios stay finite."""
_SMALLEST_SHARE = 0.01


class LossInputs:
    """One call of a loss: its signals by name, each computed when first asked for.

    Args:
        problem_type: of problem.
        known: signals that are given.
        points: shape of one value per point.
        constants: the same call, from which statistics come; this one if not given.
    """

    def __init__(
        self,
        problem_type: ProblemType,
        known: Mapping[str, Tensor],
        points: torch.Size,
        constants: LossInputs | None = None,
    ) -> None:
        self.problem_type, self.points = problem_type, points
        self._known = dict(known)
        self._constants = constants

    def __getitem__(self, name: str) -> Tensor:
        """A signal, shaped like the points, or a statistic, a scalar."""
        if name not in self._known:
            self._known[name] = self._measured(name)
        return self._known[name]

    def signal(self, config: SignalConfig) -> Tensor:
        """One signal with its transforms: shaped like the points, or a scalar."""
        value = self[config.signal]
        for transform in config.transforms:
            value = _TRANSFORMS[transform](value, self)
        return value

    def _measured(self, name: str) -> Tensor:
        if name in self.problem_type.statistics and self._constants is not None:
            return self._constants[name]
        rules = {**_CLOCK, **self.problem_type.signals, **self.problem_type.statistics}
        return rules[name](self)


Rule = Callable[[LossInputs], Tensor]


class ProblemType(ABC):
    """A problem_type of problem: what goes into a loss, and what it may look at.

    Attributes:
        signals: rules for what is known of each point.
        statistics: rules for what is known of the batch as a whole: scalars, or one number for each class.
        rests_on: the statistic behind a signal, for signals that have one.
        ordinary: the signal that is the problem_type's ordinary loss of a point; empty if there is none.
        functional: name of that loss in ``torch.nn.functional``.
        task: what the Hub calls such problems.
        acting: whether what a loss is given follows from what the model did, and so is met anew at each step.
    """

    signals: ClassVar[Mapping[str, Rule]]
    statistics: ClassVar[Mapping[str, Rule]]
    rests_on: ClassVar[Mapping[str, str]] = {}
    ordinary: ClassVar[str]
    functional: ClassVar[str]
    task: ClassVar[str]
    acting: ClassVar[bool] = False

    @abstractmethod
    def check(self, input: Tensor, target: Tensor) -> None:
        """See that predictions and targets fit together.

        Raises:
            InputError: they do not.
        """

    def check_feature(self, input: Tensor, feature: Tensor) -> None:
        """See that what the model was given fits its predictions.

        Raises:
            InputError: it does not.
        """
        if feature.shape != input.shape:
            raise InputError(
                f"feature has shape {tuple(feature.shape)}, {tuple(input.shape)} like the predictions was expected. "
                "Call loss(model(x), y, feature=x)."
            )

    @abstractmethod
    def points(self, input: Tensor) -> torch.Size:
        """The shape of one value per point."""

    @abstractmethod
    def given(self, input: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """The signals that a call gives, floating ones in ``dtype``."""

    def example(self, generator: torch.Generator, n: int, size: float) -> tuple[Tensor, Tensor]:
        """N predictions and targets in float64, ``size`` telling how wild the predictions are.

        A problem_type whose losses differ in what they take leaves this and ``workload`` to its families.
        """
        raise NotImplementedError

    def workload(self, generator: torch.Generator, elements: int) -> tuple[Tensor, Tensor]:
        """Predictions with so many elements and targets, as training has them."""
        raise NotImplementedError

    def functional_target(self, input: Tensor, target: Tensor) -> Tensor:
        """What the functional is given as target where a loss of this problem_type is given ``target``."""
        return target

    def glossary(self, formula: str, *, feature: bool) -> str:
        """What names in the formula of a loss mean, as a clause of its card.

        A problem_type whose losses have no formulas need not tell.

        Args:
            formula: of the loss.
            feature: whether it looks at the model's input too.
        """
        raise NotImplementedError


def _elapsed(inputs: LossInputs) -> Tensor:
    return inputs["progress"].clamp_min(_SMALLEST_SHARE)


def _remaining(inputs: LossInputs) -> Tensor:
    return (1 - inputs["progress"]).clamp_min(_SMALLEST_SHARE)


_CLOCK: Mapping[str, Rule] = {"elapsed": _elapsed, "remaining": _remaining}


def _per(name: str) -> Callable[[Tensor, LossInputs], Tensor]:
    return lambda value, inputs: value / inputs[name]


_TRANSFORMS: dict[str, Callable[[Tensor, LossInputs], Tensor]] = {
    "per_target_scale": _per("target_scale"),
    "per_typical_target": _per("typical_target"),
    "per_tolerance": _per("tolerance"),
    "per_batch_error": _per("batch_error"),
    "per_typical_error": _per("typical_error"),
    "abs": lambda value, inputs: value.abs(),
    "square": lambda value, inputs: value.square(),
    "log": lambda value, inputs: value.log(),
    "log1p": lambda value, inputs: value.log1p(),
    "squash": lambda value, inputs: value / (1 + value.square()).sqrt(),
    "detach": lambda value, inputs: value.detach(),
}

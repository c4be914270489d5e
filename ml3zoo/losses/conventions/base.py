"""What every problem type says about calls of its losses."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.losses.call import Call, may_look_at_values, unless_all


@dataclass(frozen=True)
class TargetOptions:
    """What a user says once about all targets, as to ``torch.nn.CrossEntropyLoss``.

    Attributes:
        weight: of each class, [classes].
        ignore_index: a class index that marks points to leave out; none if None.
        label_smoothing: share of a target that is spread over all classes, in [0, 1].
        class_counts: how many training points each class has, [classes].
    """

    weight: Tensor | None = None
    ignore_index: int | None = None
    label_smoothing: float = 0.0
    class_counts: Tensor | None = None


class CallConvention(ABC):
    """What losses of a problem type take as input and target, and which signals that gives."""

    options: frozenset[str] = frozenset()
    """The ``TargetOptions`` that mean something here."""
    constant_target: bool = True
    """Whether a target never depends on a model."""

    @abstractmethod
    def check(self, input: Tensor, target: Tensor) -> None:
        """See that predictions and targets fit together.

        Raises:
            InputError: they do not.
        """

    def check_feature(self, input: Tensor, feature: Tensor) -> None:
        """See that the feature fits the predictions.

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

    def classes(self, input: Tensor) -> int:
        """How many classes predictions are for; 0 where there are none."""
        return 0

    @abstractmethod
    def given(self, input: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """The signals that a call gives, floating ones in ``dtype``."""

    def call(
        self,
        input: Tensor,
        target: Tensor,
        dtype: torch.dtype,
        options: TargetOptions,
        feature: Tensor | None = None,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> Call:
        """A call made ready: points that are masked, or not finite, are left out.

        Args:
            input: predictions.
            target: what they should be.
            dtype: of all floating signals.
            options: what is true of all targets.
            feature: more about each point.
            mask: whether a point counts, [points].
            sample_weight: how often it counts, [points].
        """
        known = self.given(input, target, dtype)
        if feature is not None:
            known["feature"] = feature.to(dtype)
        call = Call(known, self.points(input)).keeping(mask).weighted(sample_weight)
        call = self.with_options(call, options)
        return call.checked(self._unless_all_finite(call)) if may_look_at_values() else call

    def with_options(self, call: Call, options: TargetOptions) -> Call:
        """What the options make of a call."""
        return call

    def finite(self, name: str, value: Tensor) -> Tensor:
        """Whether a point's numbers of a given signal, and their squares, are finite, [points] from [points, ...]."""
        return value.square().isfinite()

    def _unless_all_finite(self, call: Call) -> Tensor | None:
        values = {name: value for name, value in call.known.items() if value.is_floating_point()}
        if not torch.compiler.is_compiling() and all(
            value.device.type == "cpu" and math.isfinite(value.square().sum().item()) for value in values.values()
        ):
            return None
        flags = torch.ones(call.points, dtype=torch.bool, device=next(iter(call.known.values())).device)
        for name, value in values.items():
            each = self.finite(name, value)
            flags = flags & (each if each.shape == call.points else each.all(-1))
        return unless_all(flags)

    def doubt(self, call: Call) -> str:
        """What in the values of a call is unlike anything its losses were made for; empty if nothing is."""
        return ""

    def example(self, generator: torch.Generator, n: int, size: float) -> tuple[Tensor, Tensor]:
        """Predictions and targets of n points in float64; the larger ``size``, the wilder the predictions.

        A problem type whose losses differ in what they take leaves this and ``workload`` to its families.
        """
        raise NotImplementedError

    def workload(self, generator: torch.Generator, elements: int) -> tuple[Tensor, Tensor]:
        """Predictions with so many elements and targets, as training has them."""
        raise NotImplementedError

    def functional_target(self, input: Tensor, target: Tensor) -> Tensor:
        """The target of the ordinary loss in ``torch.nn.functional`` where a loss has this ``target``."""
        return target

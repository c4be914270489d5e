"""What every problem type says about calls of its losses."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from ml3zoo.errors import InputError


class CallConvention(ABC):
    """What losses of a problem type take as input and target, and which signals that gives."""

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

    @abstractmethod
    def given(self, input: Tensor, target: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
        """The signals that a call gives, floating ones in ``dtype``."""

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

"""What is measured of a kind of problem, and what its losses compete with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ml3zoo.apply.figures import Array
from ml3zoo.apply.table.targets import Target
from ml3zoo.apply.verdict import MetricFormat
from ml3zoo.evaluate import Baseline


@dataclass(frozen=True)
class SelectionMetric:
    """What runs are chosen by on validation rows, lower being better.

    Attributes:
        label: of the first value, as an axis is labelled.
        values: of each network, [networks], from outputs [networks, rows, outputs] and targets [rows, ...]; a later
            value counts where the earlier are equal. Infinite if the network diverged.
    """

    label: str
    values: Callable[[Tensor, Tensor], tuple[Array, ...]]


@dataclass(frozen=True)
class Comparison:
    """What a learned loss competes with.

    Attributes:
        baselines: ordinary losses, each tuned in the same way.
        selection_metric: what the runs of all are chosen by, and the best of the ordinary losses.
        headline: metric on test rows that losses are compared by, lower being better.
    """

    baselines: tuple[Baseline, ...]
    selection_metric: SelectionMetric
    headline: str


class Measure(ABC):
    """A kind of problem as far as measuring goes.

    Attributes:
        target: what the column to predict is read as.
        usual: comparison with the kind's ordinary loss.
        robust: comparison also with ordinary losses for data that are partly wrong.
        metrics: what is measured on test rows, by the name in a report: how it is shown.
        unit: of a hundredth of a gap.
    """

    target: ClassVar[type[Target]]
    usual: ClassVar[Comparison]
    robust: ClassVar[Comparison]
    metrics: ClassVar[Mapping[str, str]]
    unit: ClassVar[str]

    @abstractmethod
    def scores(self, output: Tensor, truth: Tensor, target: Target) -> dict[str, Array]:
        """The metrics of each network, [networks], not finite if it diverged.

        Args:
            output: [networks, rows, outputs].
            truth: encoded targets, [rows, ...].
            target: how they were encoded.
        """

    @abstractmethod
    def gap(self, ours: Array, theirs: Array) -> Array:
        """How far apart two losses are in a comparison's headline metric, network by network, [networks]."""

    def metric_format(self, headline: str) -> MetricFormat:
        """What a gap in a metric is called."""
        metric = f"test {self.metrics[headline]}"
        return MetricFormat(metric=metric, unit=self.unit, factor=100, digits=".1f", place=" on these test rows")

    def caveat(self, headline: str, ours: dict[str, Array], theirs: dict[str, Array]) -> str:
        """What a user should know who reads this metric alone; a sentence, or nothing."""
        return ""

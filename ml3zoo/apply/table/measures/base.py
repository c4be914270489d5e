"""What every problem type says about measuring networks on a table, and about the baselines of its losses."""

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
    """What runs are selected by on validation rows. Lower is better.

    Attributes:
        label: of the first value, as on an axis.
        values: from outputs [networks, rows, outputs] and targets [networks, rows, ...] to one or more values, each
            [networks]; a later one decides where the earlier are equal. Infinite if the network diverged.
    """

    label: str
    values: Callable[[Tensor, Tensor], tuple[Array, ...]]


@dataclass(frozen=True)
class Comparison:
    """What losses are compared by, and which ordinary ones take part.

    Attributes:
        selection_metric: selects learning rates and losses on validation rows; the same as is compared on test rows.
        baselines: ordinary losses, the problem type's own first.
    """

    selection_metric: SelectionMetric
    baselines: tuple[Baseline, ...]


class Measure(ABC):
    """How networks are measured on a table, for one problem type.

    Attributes:
        target: what the column to predict is read as.
        comparisons: by the metric that losses are compared by, lower being better; the usual one first.
        robust: which of these metrics partly wrong data sway least.
        metrics: what is measured on test rows: the text shown for each, by its name in a report.
        unit: of a gap times 100.
    """

    target: ClassVar[type[Target]]
    comparisons: ClassVar[Mapping[str, Comparison]]
    robust: ClassVar[str]
    metrics: ClassVar[Mapping[str, str]]
    unit: ClassVar[str]

    @abstractmethod
    def scores(self, output: Tensor, truth: Tensor, target: Target) -> dict[str, Array]:
        """The metrics of each network, [networks]; not finite if it diverged.

        Args:
            output: [networks, rows, outputs].
            truth: encoded targets, [networks, rows, ...].
            target: how they were encoded.
        """

    @abstractmethod
    def gap(self, ours: Array, theirs: Array) -> Array:
        """The gap between two losses in a metric, network by network, [networks]."""

    def metric_format(self, headline: str) -> MetricFormat:
        """How a gap in a metric is put into words."""
        metric = f"test {self.metrics[headline]}"
        return MetricFormat(metric=metric, unit=self.unit, factor=100, digits=".1f")

    def caveat(self, headline: str, ours: dict[str, Array], theirs: dict[str, Array]) -> str:
        """What the headline metric alone would hide; a sentence, or empty."""
        return ""

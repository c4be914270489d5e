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
        values: from outputs [networks, rows, outputs] and targets [rows, ...] to one or more values, each [networks]; a
            later one decides where the earlier are equal. Infinite if the network diverged.
    """

    label: str
    values: Callable[[Tensor, Tensor], tuple[Array, ...]]


@dataclass(frozen=True)
class Comparison:
    """What a learned loss is compared with, and by what.

    Attributes:
        baselines: ordinary losses, all tuned in the same way.
        selection_metric: selects every method's run, and the best ordinary loss.
        headline: name of the metric on test rows that losses are compared by. Lower is better.
    """

    baselines: tuple[Baseline, ...]
    selection_metric: SelectionMetric
    headline: str


class Measure(ABC):
    """How networks are measured on a table, for one problem type.

    Attributes:
        target: what the column to predict is read as.
        usual: comparison with the problem type's ordinary loss.
        robust: comparison with ordinary losses for partly wrong data, too.
        metrics: what is measured on test rows: the text shown for each, by its name in a report.
        unit: of a gap times 100.
    """

    target: ClassVar[type[Target]]
    usual: ClassVar[Comparison]
    robust: ClassVar[Comparison]
    metrics: ClassVar[Mapping[str, str]]
    unit: ClassVar[str]

    @abstractmethod
    def scores(self, output: Tensor, truth: Tensor, target: Target) -> dict[str, Array]:
        """The metrics of each network, [networks]; not finite if it diverged.

        Args:
            output: [networks, rows, outputs].
            truth: encoded targets, [rows, ...].
            target: how they were encoded.
        """

    @abstractmethod
    def gap(self, ours: Array, theirs: Array) -> Array:
        """The gap between two losses in a metric, network by network, [networks]."""

    def metric_format(self, headline: str) -> MetricFormat:
        """How a gap in a metric is put into words."""
        metric = f"test {self.metrics[headline]}"
        return MetricFormat(metric=metric, unit=self.unit, factor=100, digits=".1f", scope=" on these test rows")

    def caveat(self, headline: str, ours: dict[str, Array], theirs: dict[str, Array]) -> str:
        """What the headline metric alone would hide; a sentence, or empty."""
        return ""

"""Classification of real tables where some classes are rare among the training rows, and as important as the others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import functional_call

from ml3zoo.tasks.base import Split, Tasks, Tensors
from ml3zoo.tasks.classification import Classification
from ml3zoo.tasks.misclassification import balanced_error_rate, smooth_balanced_error_rate
from ml3zoo.tasks.optimizees import Optimizee
from ml3zoo.tasks.tables.classes import ClassSource, TableMixture
from ml3zoo.tasks.tables.dealing import DealtRows
from ml3zoo.tasks.tables.lists import MeasuredTable
from ml3zoo.tasks.tables.networks import OnTables


@dataclass(frozen=True, kw_only=True)
class LongTail(OnTables, Classification):
    """Training rows are thinned out such that the sizes of classes fall geometrically, as in long-tailed CIFAR.

    Cui et al. 2019, arXiv:1901.05555. Which classes are rare is drawn anew in each task. Validation and test rows stay
    as they are, and all classes count alike in objective and metrics. No label is wrong.

    Attributes:
        imbalance: the largest class over the smallest, log-uniform between these two, as far as the table has the rows:
            each class keeps at least one of its ``points``, which are counted before thinning.
    """

    source: ClassSource
    imbalance: tuple[float, float] = (10.0, 200.0)
    points: tuple[int, int] = (500, 3000)
    validation: int = 200
    held_out: int = 400

    @classmethod
    def on(cls, table: MeasuredTable, optimizee: Optimizee, imbalance: float) -> LongTail:
        """All rows of one table, dealt anew in each task."""
        source = TableMixture((table.name,), table.features, table.classes)
        return cls(source=source, optimizee=optimizee, imbalance=(imbalance, imbalance), **cls.rows_of(table))

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: ``x`` and ``labels`` for training, for validation and for testing.

        ``n_rows`` [n]: how many training rows there are; they come first, and the rest repeats them.
        ``class_counts`` [n, classes]: how many of them each class has.
        """
        dealt = self.deal(generator, n)
        low, high = self.imbalance
        ratio = low * (high / low) ** torch.rand(n, generator=generator)
        x, labels, n_rows = self._thin(generator, dealt.train, ratio)
        first = torch.arange(labels.shape[1]) < n_rows[:, None]
        counts = (torch.nn.functional.one_hot(labels, self.source.classes) * first[..., None]).sum(1)
        data = {
            "x": x,
            "labels": labels,
            "n_rows": n_rows,
            "class_counts": counts,
            "x_valid": dealt.valid.x,
            "labels_valid": dealt.valid.target,
            "x_test": dealt.test.x,
            "labels_test": dealt.test.target,
        }
        return self.tasks(generator, n, dealt, data)

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """Logits [points, classes], labels [points], and how many training rows each class has, [classes]."""
        return super().loss_arguments(params, data) | {"class_counts": data["class_counts"]}

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """Smooth error rate, the mean over classes."""
        logits = functional_call(self.evaluated, params, (data["x_test"],))
        return smooth_balanced_error_rate(logits, data["labels_test"])

    def metric(self, params: Tensors, data: Tensors) -> Tensor:
        """Error rate, the mean over classes: one less the balanced accuracy."""
        return balanced_error_rate(functional_call(self.evaluated, params, (data["x_test"],)), data["labels_test"])

    def selection_metric(self, params: Tensors, data: Tensors) -> Tensor:
        """The same on validation rows."""
        return balanced_error_rate(functional_call(self.evaluated, params, (data["x_valid"],)), data["labels_valid"])

    def _thin(self, generator: torch.Generator, train: DealtRows, ratio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs and labels of the rows that are kept, then repeated, and how many are kept, [n]."""
        rows = torch.empty_like(train.target)
        kept_rows = torch.empty_like(train.distinct)
        for i, distinct in enumerate(train.distinct.tolist()):
            kept = _long_tailed(generator, train.target[i, :distinct], self.source.classes, float(ratio[i]))
            rows[i] = kept[torch.arange(rows.shape[1]) % len(kept)]
            kept_rows[i] = len(kept)
        x = train.x.gather(1, rows[..., None].expand_as(train.x))
        return x, train.target.gather(1, rows), kept_rows


def _long_tailed(generator: torch.Generator, labels: Tensor, classes: int, ratio: float) -> Tensor:
    """Numbers of as many rows as can stay, so that the most frequent class has ``ratio`` times those of the rarest."""
    found = labels.bincount(minlength=classes)
    place = torch.randperm(classes, generator=generator)
    share = ratio ** (-place / max(classes - 1, 1))
    largest = (found / share)[found > 0].min()
    wanted = (largest * share).round().clamp_min(1).long()
    order = torch.randperm(len(labels), generator=generator)
    members = torch.nn.functional.one_hot(labels[order], classes)
    nth = (members.cumsum(0) * members).sum(1)
    return order[nth <= wanted[labels[order]]]

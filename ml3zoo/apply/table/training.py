"""How networks are trained on a table: as people do, in epochs of minibatches, stopped early on validation rows."""

from __future__ import annotations

from dataclasses import dataclass

from ml3zoo.apply.wording import counted
from ml3zoo.evaluate.ordinary_training import ADAMW, MIDDLES, MOMENTUM, batch_for
from ml3zoo.format.optimizers import OptimizerName
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import Adam, InnerOptimizer

OPTIMIZERS: dict[OptimizerName, InnerOptimizer] = {"adamw": ADAMW, "adam": Adam(), "sgd": MOMENTUM}
_MIDDLES = MIDDLES | {OPTIMIZERS["adam"]: MIDDLES[ADAMW]}
"""Of the learning-rate grids of ordinary losses."""
GRID = tuple(10 ** (k / 2 - 1) for k in range(5))
"""Factors of the middle."""
_EPOCHS, _FEWEST_STEPS, _MOST_STEPS = 40, 400, 1000
_OBSERVATIONS = 20


@dataclass(frozen=True)
class Training:
    """Optimiser, minibatches and length of every training.

    Attributes:
        optimizer: of the networks.
        middle: of the learning-rate grid of ordinary losses.
        batch: rows in a minibatch.
        per_epoch: steps in an epoch.
        epochs: their number.
    """

    optimizer: InnerOptimizer
    middle: float
    batch: int
    per_epoch: int
    epochs: int

    @classmethod
    def on(cls, rows: int, optimizer: OptimizerName, epochs: int | None) -> Training:
        """Training on so many rows; where no epochs are asked for, 40, but 400 to 1,000 steps."""
        used, batch = OPTIMIZERS[optimizer], batch_for(rows)
        per_epoch = max(1, rows // batch)
        usual = min(max(_EPOCHS, -(-_FEWEST_STEPS // per_epoch)), max(1, _MOST_STEPS // per_epoch))
        return cls(used, _MIDDLES[used], batch, per_epoch, epochs or usual)

    @property
    def steps(self) -> int:
        """Of each training."""
        return self.per_epoch * self.epochs

    @property
    def observe_every(self) -> int:
        """Steps between looks at the validation rows."""
        return max(1, self.steps // _OBSERVATIONS)

    def run(self, lr: float) -> InnerRun:
        """A run at a learning rate."""
        return InnerRun(self.optimizer, lr, self.steps, "cosine", self.batch)

    def __str__(self) -> str:
        epochs = counted(self.epochs, "epoch")
        return f"{self.optimizer}, cosine, {epochs} of minibatches of {self.batch} ({self.steps:,} steps)"

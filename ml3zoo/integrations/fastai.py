"""The clock of a loss in fastai's Learner."""

from __future__ import annotations

from ml3zoo.errors import MissingExtraError
from ml3zoo.losses import LearnedLoss

try:
    from fastai.callback.core import Callback
except ImportError as error:
    raise MissingExtraError("The adapter for fastai (see docs/frameworks/fastai.md)", "frameworks") from error


class LossClock(Callback):
    """Tells a loss where the Learner is: ``Learner(..., loss_func=loss, cbs=LossClock(loss))``.

    fastai's optimisers are no torch optimisers, and ``learn.save`` does not save the loss. So its progress is the share
    of the fit that is done, as fastai counts it; ``fit(n, start_epoch=k)`` goes on at k/n. It stays the same from one
    step of the optimiser to the next, also where gradients are accumulated, and is 0 during ``lr_find``.
    """

    run_valid = False

    def __init__(self, loss: LearnedLoss) -> None:
        super().__init__()
        self._clocked = loss

    def before_fit(self) -> None:
        """A new training."""
        self._stepped = True

    def before_batch(self) -> None:
        """Before each batch of training."""
        if self._stepped:
            looking = hasattr(self.learn, "lr_finder")
            self._clocked.progress = 0.0 if looking else min(float(self.learn.pct_train), 1.0)
            self._stepped = False

    def after_step(self) -> None:
        """The optimiser has stepped."""
        self._stepped = True

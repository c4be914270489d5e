"""The clock of a loss in transformers' Trainer."""

from __future__ import annotations

from typing import Any

from ml3zoo.errors import MissingExtraError
from ml3zoo.losses import LearnedLoss

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise MissingExtraError("The adapter for transformers", "frameworks") from error


class LossClock(TrainerCallback):
    """Tells a loss where the Trainer is: ``Trainer(..., compute_loss_func=loss, callbacks=[LossClock(loss)])``.

    The Trainer does not save a loss that is its ``compute_loss_func``. So the clock is set from the Trainer's state,
    which is saved: after ``resume_from_checkpoint`` it goes on, also in a new process.
    """

    def __init__(self, loss: LearnedLoss) -> None:
        self.loss = loss

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The length of training is known now; the loss goes to the Trainer's device."""
        self.loss.to(args.device)
        self.loss.total_steps = state.max_steps

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Before the first micro-batch of an optimiser step."""
        self.loss.steps = state.global_step

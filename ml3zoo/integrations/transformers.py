"""The clock of a loss in transformers' Trainer."""

from __future__ import annotations

from typing import Any

import torch

from ml3zoo.errors import MissingExtraError
from ml3zoo.losses import LearnedLoss

try:
    from transformers import TrainerCallback
except ImportError as error:
    raise MissingExtraError("The adapter for transformers", "frameworks") from error

_KEY = "ml3zoo.LossClock"
"""Under which the Trainer's state holds what a loss remembers."""


class LossClock(TrainerCallback):
    """Tells a loss where the Trainer is: ``Trainer(..., compute_loss_func=loss, callbacks=[LossClock(loss)])``.

    The Trainer does not save a loss that is its ``compute_loss_func``. So the clock is set from the Trainer's state,
    which is saved, and what the loss remembers is put there too: after ``resume_from_checkpoint`` both go on, also in a
    new process.
    """

    def __init__(self, loss: LearnedLoss) -> None:
        self.loss = loss

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The length of training is known now; the loss goes to the Trainer's device."""
        self.loss.to(args.device)
        self.loss.total_steps = state.max_steps
        remembered = state.stateful_callbacks.get(_KEY)
        if self.loss.memory is not None and remembered is not None:
            self.loss.memory.load_state_dict({name: torch.tensor(values) for name, values in remembered.items()})

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Before the first micro-batch of an optimiser step."""
        self.loss.steps = state.global_step

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """What a checkpoint is to hold is put into the state that the Trainer writes to it."""
        if control.should_save and self.loss.memory is not None:
            state.stateful_callbacks[_KEY] = {name: x.tolist() for name, x in self.loss.memory.state_dict().items()}

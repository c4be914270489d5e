"""Keras 3 on torch: a loss for ``compile``, and a callback that tells it how far training is.

Keras passes the target first, puts classes last, carries masks on predictions and has optimisers of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ml3zoo.errors import InputError, MissingExtraError
from ml3zoo.format.config import LossConfig
from ml3zoo.format.schema import parse
from ml3zoo.losses import LearnedLoss, build_loss

try:
    import keras
except ImportError as error:
    raise MissingExtraError("The adapter for Keras", "frameworks") from error

_REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": None}
_CLOSE_TO_ONE = 1e-4
"""Rows that add up to 1 within this are taken for probabilities."""


@keras.saving.register_keras_serializable(package="ml3zoo")
class KerasLoss(keras.losses.Loss):
    """A learned loss as Keras calls it: ``model.compile(optimizer, loss=KerasLoss(load_loss(name)))``.

    A mean divides by the number of points, as Keras does, with weights and without. It is saved with the model.

    Args:
        loss: of regression or classification; it must not look at a feature, which Keras does not pass.
        name: as for ``keras.losses.Loss``.
    """

    def __init__(self, loss: LearnedLoss, name: str | None = None) -> None:
        if keras.backend.backend() != "torch":
            raise InputError(
                f"Keras runs on {keras.backend.backend()}, torch was expected. Set KERAS_BACKEND=torch before the "
                "first import of keras."
            )
        if loss.uses_feature:
            raise InputError(
                f"{loss.config.name} looks at a feature of each point, and Keras passes none. Override "
                "Model.compute_loss(x, y, y_pred, ...) and return loss(y_pred, y, feature=x) there."
            )
        super().__init__(name=name or loss.config.name.replace("-", "_"), reduction=_REDUCTIONS[loss.reduction])
        self.loss = loss
        self.planned = loss.total_steps is None
        self._seen = False

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Tensor:
        """The loss. What Keras does around ``call`` would round targets, and weigh points behind the loss's back."""
        if y_pred.device.type == "meta":  # Keras looks for shapes alone
            return torch.zeros((), device="meta")
        if self.loss.shift.device != y_pred.device:
            self.loss.to(y_pred.device)
        input, target, points = self._arranged(y_pred, keras.ops.convert_to_tensor(y_true))
        mask = getattr(y_pred, "_keras_mask", None)
        arguments: dict[str, Any] = {} if mask is None else {"mask": _like_points(mask.bool(), points)}
        if sample_weight is not None:
            arguments["sample_weight"] = _like_points(keras.ops.convert_to_tensor(sample_weight), points)
            if self.loss.reduction == "mean":
                arguments["num_items_in_batch"] = self._number(target, points, arguments.get("mask"))
        value: Tensor = self.loss(input, target, **arguments)
        return value

    def get_config(self) -> dict[str, Any]:
        """The loss itself, weights included: a saved model needs nothing else."""
        return {
            "name": self.name,
            "config": self.loss.config.builtins(),
            "state": {name: tensor.tolist() for name, tensor in self.loss.state_dict().items()},
            "reduction": self.loss.reduction,
            "total_steps": None if self.planned else self.loss.total_steps,
            "ignore_index": self.loss.ignore_index,
            "label_smoothing": self.loss.label_smoothing,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> KerasLoss:
        """The loss that ``get_config`` describes."""
        loss = build_loss(parse(LossConfig, config["config"], "the loss of a Keras model"))
        state = {name: torch.tensor(values) for name, values in config["state"].items()}
        if loss.problem_type.name == "classification":
            smoothing, counts = config["label_smoothing"], state.get("class_counts")
            loss.target_options(state.get("weight"), config["ignore_index"], smoothing, counts)
        loss.load_state_dict(state)
        loss.requires_grad_(False)
        loss.reduction, loss.total_steps = config["reduction"], config["total_steps"]
        return cls(loss, name=config["name"])

    def _arranged(self, input: Tensor, target: Tensor) -> tuple[Tensor, Tensor, torch.Size]:
        """Predictions and targets as the loss takes them, and the shape of the points."""
        if self.loss.problem_type.name != "classification":
            alike = [n for n in target.shape if n != 1] == [n for n in input.shape if n != 1]
            return input, target.reshape(input.shape) if alike else target, input.shape
        input = getattr(input, "_keras_logits", input)
        if not self._seen and not torch.compiler.is_compiling():
            _check_logits(input)
            self._seen = True
        if target.shape == input.shape:
            target = target.to(input.dtype).movedim(-1, 1)
        else:
            target = (target.squeeze(-1) if target.shape == (*input.shape[:-1], 1) else target).long()
        return input.movedim(-1, 1), target, input.shape[:-1]

    def _number(self, target: Tensor, points: torch.Size, mask: Tensor | None) -> Tensor:
        """How many points there are, whatever they weigh."""
        kept = torch.ones(points, dtype=torch.bool, device=target.device) if mask is None else mask
        if target.shape == points and not target.is_floating_point():
            kept = kept & (target != self.loss.ignore_index)
        return kept.sum().clamp_min(1)


class LossClock(keras.callbacks.Callback):
    """Tells the losses of a model how far training is: ``model.fit(..., callbacks=[LossClock()])``.

    The share is that of ``total_steps``; of the epochs of ``fit`` where a loss was given none. The count follows the
    epoch's number, which ``BackupAndRestore`` and ``initial_epoch`` set: a resumed training goes on where it was.
    """

    def on_train_begin(self, logs: object = None) -> None:
        """Look at the plan of ``fit``."""
        self._per_step = getattr(self.model.optimizer, "gradient_accumulation_steps", None) or 1
        self._batches = 0
        if self.params.get("steps"):
            planned = max(self._steps_after(self.params["epochs"] * self.params["steps"]), 1)
            for each in self._losses():
                if each.planned:
                    each.loss.total_steps = planned

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        """Set the count to the epoch's beginning."""
        if self.params.get("steps"):
            self._batches = epoch * self.params["steps"]
        elif epoch and not self._batches:
            self._batches = int(self.model.optimizer.iterations) * self._per_step
        self._tell()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Count."""
        self._batches += 1
        self._tell()

    def _tell(self) -> None:
        done = self._steps_after(self._batches)
        for each in self._losses():
            each.loss.steps = min(each.loss.steps, done)
            each.loss.advance(done - each.loss.steps)

    def _steps_after(self, batches: int) -> int:
        return batches // self._per_step

    def _losses(self) -> list[KerasLoss]:
        return [loss for loss in keras.tree.flatten(self.model.loss) if isinstance(loss, KerasLoss)]


def _check_logits(input: Tensor) -> None:
    """Refuse probabilities.

    Raises:
        InputError: every row is one of probabilities.
    """
    rows = input.detach().float()
    if bool((rows >= 0).all()) and bool(((rows.sum(-1) - 1).abs() < _CLOSE_TO_ONE).all()):
        raise InputError(
            f"predictions of shape {tuple(input.shape)} look like probabilities, logits were expected. Leave the "
            "softmax out of the last layer: Dense(classes)."
        )


def _like_points(values: Tensor, points: torch.Size) -> Tensor:
    """A value for each point from one for each sample or time step."""
    while values.dim() > len(points) and values.shape[-1] == 1:
        values = values.squeeze(-1)
    while values.dim() < len(points):
        values = values.unsqueeze(-1)
    return values.expand(points)

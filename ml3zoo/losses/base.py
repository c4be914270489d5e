"""The contract of every learned loss."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn

from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig
from ml3zoo.format.optimizers import OPTIMIZERS
from ml3zoo.losses.signals import LossInputs, problem_type_of

Reduction = Literal["mean", "sum", "none"]
FEATURE_LIMIT = 50.0
"""Normalised signals are clamped here: a family's value stays finite however wild the prediction."""


class LearnedLoss(nn.Module):
    """A loss function that was learned: a drop-in ``nn.Module`` like ``torch.nn.MSELoss``.

    Calling it returns a scalar (``reduction="mean"`` or ``"sum"``) or a tensor of one value per point (``"none"``),
    computed in float32, or in float64 if moved there, also under autocast and in half-precision models. Its parameters
    are frozen unless made trainable.

    A loss that looks at the training progress counts the calls that build a graph, up to ``total_steps``;
    setting ``loss.progress`` by hand (0 at the start of training, 1 at its end) overrides the count.

    Attributes:
        terms: signals that are added up, if the loss is a terms sum of signals.
    """

    terms: tuple[str, ...] = ()

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config.checked()
        self.problem_type = problem_type_of(config)
        self.reduction = "mean"
        self.total_steps: int | None = None
        self._progress: float | None = None
        self._warned = False
        self._steps: Tensor
        self.register_buffer("_steps", torch.zeros((), dtype=torch.long), persistent=False)
        self.shift: Tensor
        self.scale: Tensor
        self.register_buffer("shift", torch.tensor([signal.shift for signal in config.signals]))
        self.register_buffer("scale", torch.tensor([signal.scale for signal in config.signals]))

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of each point, shaped like the points. ``columns`` and ``features`` give a batch's signals."""
        raise NotImplementedError

    def columns(self, inputs: LossInputs) -> list[Tensor]:
        """The normalised signals, each shaped like the points, or a scalar where it is one for the whole batch."""
        signals = (inputs.signal(signal) for signal in self.config.signals)
        return [
            ((signal - shift) / scale).clamp(-FEATURE_LIMIT, FEATURE_LIMIT)
            for signal, shift, scale in zip(signals, self.shift.unbind(), self.scale.unbind(), strict=True)
        ]

    def features(self, inputs: LossInputs) -> Tensor:
        """The normalised signals of each point as one tensor, [..., signals]."""
        signals = torch.stack([inputs.signal(signal).expand(inputs.points) for signal in self.config.signals], -1)
        return ((signals - self.shift) / self.scale).clamp(-FEATURE_LIMIT, FEATURE_LIMIT)

    def reset_parameters(self, init: tuple[float, ...] = ()) -> None:
        """Fresh parameters from torch's global generator, near what ``init`` says, if the family knows how to."""
        raise NotImplementedError

    def example(self, generator: torch.Generator, n: int, size: float) -> dict[str, Tensor]:
        """What a call on n points is given, in float64, ``size`` telling how wild the predictions are."""
        input, target = self.problem_type.example(generator, n, size)
        arguments = {"input": input, "target": target}
        if self.config.uses_feature:
            arguments["feature"] = 2 * torch.randn(input.shape, generator=generator, dtype=torch.float64)
        return arguments

    def workload(self, generator: torch.Generator, elements: int) -> dict[str, Tensor]:
        """What a call on so many elements is given, as training has them."""
        input, target = self.problem_type.workload(generator, elements)
        return {"input": input, "target": target} | ({"feature": input.clone()} if self.config.uses_feature else {})

    @property
    def uses_progress(self) -> bool:
        """Whether this loss looks at the training progress."""
        return self.config.uses_progress

    @property
    def reduction(self) -> Reduction:
        """How the values of points become the loss: ``"mean"``, ``"sum"`` or ``"none"``."""
        return self._reduction

    @reduction.setter
    def reduction(self, value: Reduction) -> None:
        if value not in get_args(Reduction):
            raise InputError(f"reduction must be 'mean', 'sum' or 'none', got {value!r}.")
        self._reduction: Reduction = value

    @property
    def progress(self) -> float:
        """Share of the training that is done, in [0, 1]; set to None, the loss counts again."""
        return self._measured_progress().item()

    @progress.setter
    def progress(self, value: float | None) -> None:
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"progress must lie in [0, 1], got {value}. It is the share of training that is done.")
        self._progress = None if value is None else float(value)

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        *,
        feature: Tensor | None = None,
        progress: Tensor | float | None = None,
        context: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """The loss of predictions.

        Args:
            input: predictions, floating point, not empty. Regression: any shape. Classification: logits, [classes] or
                [points, classes, ...].
            target: what they should be. Regression: same shape. Classification: class indices [points, ...], or
                probabilities shaped like the input.
            feature: what the model was given, shaped like the input, for losses that look at it.
            progress: share of training done, in [0, 1], for callers that keep their own clock.
            context: statistics of the batch by name, where the batch's own are a poor guess.

        Raises:
            InputError: shapes or types do not fit, the batch is empty, or the loss needs a feature.
        """
        self._check(input, target, feature)
        with torch.autocast(input.device.type, enabled=False):
            progress = self._tick(input) if progress is None else torch.as_tensor(progress, device=input.device)
            inputs = self._inputs(input, target, feature, progress, context or {})
            value = self.value(inputs)
            if self.reduction == "none":
                return value
            return value.mean() if self.reduction == "mean" else value.sum()

    @property
    def statistics(self) -> list[str]:
        """What this loss looks at of the batch as a whole."""
        looked_at = {name for signal in self.config.signals for name in signal.looks_at} | {*self.terms}
        looked_at |= {self.problem_type.rests_on[name] for name in looked_at & self.problem_type.rests_on.keys()}
        return sorted(looked_at & self.problem_type.statistics.keys())

    def context(self, input: Tensor, target: Tensor, *, feature: Tensor | None = None) -> dict[str, Tensor]:
        """The statistics of the batch this loss looks at, with their gradient.

        Inside ``forward`` they are constants. Who differentiates through a whole training also needs how they follow
        from earlier steps, and passes them to ``forward``.
        """
        given = self.problem_type.given(input, target, self.shift.dtype)
        inputs = LossInputs(self.problem_type, given, self.problem_type.points(input))
        return {name: inputs[name] for name in self.statistics}

    def _inputs(
        self,
        input: Tensor,
        target: Tensor,
        feature: Tensor | None,
        progress: Tensor,
        context: Mapping[str, Tensor],
    ) -> LossInputs:
        """One call: statistics are constants, and those of the ``context`` stand in for the batch's own."""
        dtype, points = self.shift.dtype, self.problem_type.points(input)
        given = self.problem_type.given(input, target, dtype) | {"progress": progress.to(dtype)}
        if feature is not None:
            given["feature"] = feature.to(dtype)
        detached = LossInputs(
            self.problem_type, {name: value.detach() for name, value in given.items()} | dict(context), points
        )
        return LossInputs(self.problem_type, given, points, detached)

    def formula(self) -> str | None:
        """The loss of one point in closed form, where that is short enough to read."""
        return None

    def make_optimizer(self, params: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser this loss was meta-trained for, at its recommended learning rate."""
        inner = self.config.inner
        make = getattr(torch.optim, OPTIMIZERS[inner.optimizer].torch_class)
        optimizer: torch.optim.Optimizer = make(params, lr=inner.lr, **inner.optimizer_settings)
        return optimizer

    def extra_repr(self) -> str:
        """Name, family and reduction."""
        return f"{self.config.name!r}, family={self.config.family!r}, reduction={self.reduction!r}"

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Follow a model to its device and to float64, but not below float32, where small errors would vanish."""

        def no_less(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            rounded = moved.is_floating_point() and moved.dtype.itemsize < torch.float32.itemsize
            return tensor.to(moved.device) if rounded else moved

        applied: Self = super()._apply(no_less, recurse)  # type: ignore[no-untyped-call]
        return applied

    def _check(self, input: Tensor, target: Tensor, feature: Tensor | None) -> None:
        given = {"input": input, "target": target} | ({} if feature is None else {"feature": feature})
        for name, value in given.items():
            if not isinstance(value, Tensor):
                raise InputError(f"{name} must be a tensor, got {type(value).__name__}. Call torch.as_tensor on it.")
        if not input.is_floating_point():
            raise InputError(f"input must be floating point predictions, got {input.dtype}. Call input.float().")
        for name, value in given.items():
            if value.is_complex():
                raise InputError(f"{name} must be real numbers, got {value.dtype}. Take its real part.")
        if input.numel() == 0:
            raise InputError(f"input is empty (shape {tuple(input.shape)}): at least one prediction is needed.")
        self.problem_type.check(input, target)
        if self.config.uses_feature:
            if feature is None:
                raise InputError(
                    f"{self.config.name} looks at the model's input: a feature was expected, got none. "
                    "Call loss(model(x), y, feature=x)."
                )
            self.problem_type.check_feature(input, feature)

    def _tick(self, input: Tensor) -> Tensor:
        """The progress of this call, which counts if it builds a graph."""
        progress = self._measured_progress()
        if self.uses_progress and torch.is_grad_enabled() and input.requires_grad:
            if self._progress is None and self.total_steps is None and not self._warned:
                self._warned = True
                warnings.warn(
                    f"{self.config.name} looks at the training progress and was not told how long training is: it "
                    "stays at 0. Use load_loss(name, total_steps=N) or set loss.progress.",
                    stacklevel=5,
                )
            self._steps += 1
        return progress.to(input.device)

    def _measured_progress(self) -> Tensor:
        if self._progress is not None:
            return torch.tensor(self._progress, dtype=torch.float64)
        if self.total_steps is None:
            return torch.tensor(0.0)
        return (self._steps.double() / self.total_steps).clamp(max=1.0)

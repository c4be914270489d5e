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
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.losses.conventions import convention_of
from ml3zoo.losses.inputs import LossInputs

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
        config: what the loss is.
        problem_type: what losses of its type look at.
        convention: how losses of its type are called.
        uses_progress: whether it looks at the training progress.
        uses_feature: whether it looks at the feature of each point.
        terms: the signals it adds up, if it is a weighted sum of signals.
    """

    terms: tuple[str, ...] = ()

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config.checked()
        self.problem_type = find_problem_type(config.problem_type)
        self.convention = convention_of(config)
        self.uses_progress = config.uses_progress
        self.uses_feature = config.uses_feature
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
        """The loss of each point, shaped like the points. ``columns`` and ``features`` give the signals of a call."""
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
        """Fresh parameters from torch's global generator.

        Args:
            init: numbers to start from; what they mean is the family's business, and some take none.
        """
        raise NotImplementedError

    def example(self, generator: torch.Generator, n: int, size: float) -> dict[str, Tensor]:
        """Arguments of a call on n points, in float64; the larger ``size``, the wilder the predictions."""
        input, target = self.convention.example(generator, n, size)
        arguments = {"input": input, "target": target}
        if self.uses_feature:
            arguments["feature"] = 2 * torch.randn(input.shape, generator=generator, dtype=torch.float64)
        return arguments

    def workload(self, generator: torch.Generator, elements: int) -> dict[str, Tensor]:
        """Arguments of a call on so many elements, as training has them."""
        input, target = self.convention.workload(generator, elements)
        return {"input": input, "target": target} | ({"feature": input.clone()} if self.uses_feature else {})

    @property
    def uses(self) -> frozenset[str]:
        """The optional arguments of a call that this loss makes use of, see ``ml3zoo.losses.contract``."""
        uses = {"feature": self.uses_feature, "progress": self.uses_progress, "context": bool(self.statistics)}
        return frozenset(name for name, used in uses.items() if used)

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
        """Share of the training done, in [0, 1]; after ``loss.progress = None`` the loss counts again."""
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
                [points, classes, ...]. Trajectories: actions [..., actions].
            target: what they should be. Regression: same shape. Classification: class indices [points, ...], or
                probabilities shaped like the input. Trajectories: goals [..., goals].
            feature: more about each point, often the model's input, for losses that look at it. Shaped like ``input``;
                for trajectories the states [..., states].
            progress: share of training done, in [0, 1], for callers that count steps themselves.
            context: statistics of the batch by name, where those of this batch are a poor guess.

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
        """The signals of the batch as a whole that this loss looks at, sorted."""
        named = {name for signal in self.config.signals for name in signal.looks_at} | {*self.terms}
        signals = [self.problem_type.signals[name] for name in named]
        rested_on = {signal.rests_on for signal in signals if signal.rests_on}
        return sorted({signal.name for signal in signals if signal.scope == "batch"} | rested_on)

    def context(self, input: Tensor, target: Tensor, *, feature: Tensor | None = None) -> dict[str, Tensor]:
        """The statistics of the batch this loss looks at, with their gradient.

        Inside ``forward`` they are constants. To differentiate through a whole training, pass them to ``forward``: they
        depend on the steps before.
        """
        given = self.convention.given(input, target, self.shift.dtype)
        inputs = LossInputs(self.problem_type, given, self.convention.points(input))
        return {name: inputs[name] for name in self.statistics}

    def _inputs(
        self,
        input: Tensor,
        target: Tensor,
        feature: Tensor | None,
        progress: Tensor,
        context: Mapping[str, Tensor],
    ) -> LossInputs:
        """One call. Statistics are detached; those in ``context`` replace the batch's own."""
        dtype, points = self.shift.dtype, self.convention.points(input)
        given = self.convention.given(input, target, dtype) | {"progress": progress.to(dtype)}
        if feature is not None:
            given["feature"] = feature.to(dtype)
        detached = LossInputs(
            self.problem_type, {name: value.detach() for name, value in given.items()} | dict(context), points
        )
        return LossInputs(self.problem_type, given, points, detached)

    def formula(self) -> str | None:
        """The loss of one point in closed form; None if that is too long to read."""
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

        def at_least_float32(tensor: Tensor) -> Tensor:
            moved = fn(tensor)
            rounded = moved.is_floating_point() and moved.dtype.itemsize < torch.float32.itemsize
            return tensor.to(moved.device) if rounded else moved

        applied: Self = super()._apply(at_least_float32, recurse)  # type: ignore[no-untyped-call]
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
        self.convention.check(input, target)
        if self.uses_feature:
            if feature is None:
                raise InputError(
                    f"{self.config.name} looks at a feature of each point: a feature was expected, got none. "
                    "Call loss(model(x), y, feature=x)."
                )
            self.convention.check_feature(input, feature)

    def _tick(self, input: Tensor) -> Tensor:
        """The progress of this call; the call is counted as a step if it builds a graph."""
        progress = self._measured_progress()
        if self.uses_progress and torch.is_grad_enabled() and input.requires_grad:
            if self._progress is None and self.total_steps is None and not self._warned:
                self._warned = True
                warnings.warn(
                    f"{self.config.name} looks at the training progress but does not know how long training is: "
                    "progress stays at 0. Use load_loss(name, total_steps=N) or set loss.progress.",
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

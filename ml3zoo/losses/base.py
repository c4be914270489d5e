"""The contract of every learned loss."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Literal, Self, get_args

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ml3zoo.errors import InputError
from ml3zoo.format.config import LossConfig
from ml3zoo.format.optimizers import OPTIMIZERS
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.format.signals import RUNNING, Signal
from ml3zoo.losses.call import Call, Reduction, may_look_at_values, may_read_values
from ml3zoo.losses.checks import (
    check_call,
    check_class_counts,
    check_context,
    check_feature,
    check_items,
    check_options,
    check_progress,
    predictions_of,
)
from ml3zoo.losses.clock import Clock
from ml3zoo.losses.conventions import TargetOptions, convention_of
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.layers import KeepsFrozen
from ml3zoo.losses.memory import Memory, RunningMeans
from ml3zoo.losses.notices import warn
from ml3zoo.losses.reductions import Reductions
from ml3zoo.losses.scaled import PUBLISHED, Scaled
from ml3zoo.losses.timed import Timed

_TOLD = ("weight", "class_counts")
"""The buffers that a loss has once its user tells it."""


class LearnedLoss(KeepsFrozen, Scaled, Timed):
    """A loss function that was learned: a drop-in ``nn.Module`` like ``torch.nn.MSELoss``.

    Calling it returns a scalar (``reduction="mean"`` or ``"sum"``) or a tensor of one value per point (``"none"``),
    computed in float32, or in float64 if moved there, also under autocast and in half-precision models. Its parameters
    are frozen unless made trainable.

    A loss that looks at the training progress counts the steps of the optimiser, up to ``total_steps``; see ``Clock``.
    The count is part of ``state_dict()``, so that a training that is resumed goes on where it was.

    A loss that looks at statistics of the batch takes them over all ranks of a distributed training, in calls that
    build a graph: every rank must make them. One that looks at running means of them remembers those, see ``Memory``;
    they are part of ``state_dict()`` too.

    Attributes:
        config: what the loss is.
        problem_type: what losses of its type look at.
        convention: how losses of its type are called.
        clock: counts the steps of a training.
        memory: running means of the batches before; None if the loss looks at none.
        uses_progress: whether it looks at the training progress.
        uses_feature: whether it looks at the feature of each point.
        uses_class_counts: whether it looks at how many training points each class has.
        weight, ignore_index, label_smoothing, class_counts: what is true of all targets of classes; see
            ``target_options``.
        terms: the signals it adds up, if it is a weighted sum of signals.
        process_group: the ranks that share a batch: ``"all"``, as ``load_loss`` sets it, a group, or None for this
            process alone.
    """

    terms: tuple[str, ...] = ()

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.config = config.checked()
        self.problem_type = find_problem_type(config.problem_type)
        self.convention = convention_of(config)
        self.uses_progress = config.uses_progress
        self.uses_feature = config.uses_feature
        self.uses_class_counts = config.uses_class_counts
        self.reduction = "mean"
        self.clock = Clock(config.name, tells_progress=config.uses_progress)
        self.process_group: dist.ProcessGroup | Literal["all"] | None = None
        self.memory = Memory(self.remembered) if self.remembered else None
        self.register_constants()
        self.weight: Tensor | None
        self.class_counts: Tensor | None
        for name in _TOLD:
            self.register_buffer(name, None)
        self.target_options()
        self._looked = False

    def published(self) -> dict[str, Tensor]:
        """What a stored loss holds: its parameters, and the scales of its signals."""
        names = {*dict(self.named_parameters()), *PUBLISHED}
        return {name: tensor for name, tensor in self.state_dict().items() if name in names}

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of each point, shaped like the points. ``columns`` and ``features`` give the signals of a call."""
        raise NotImplementedError

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
        if self.uses_class_counts:
            classes = self.convention.classes(input)
            arguments["class_counts"] = 10 ** (3 * torch.rand(classes, generator=generator, dtype=torch.float64))
        return arguments

    def workload(self, generator: torch.Generator, elements: int) -> dict[str, Tensor]:
        """Arguments of a call on so many elements, as training has them."""
        input, target = self.convention.workload(generator, elements)
        more = {"feature": input.clone()} if self.uses_feature else {}
        if self.uses_class_counts:
            more["class_counts"] = input.new_ones(self.convention.classes(input))
        return {"input": input, "target": target} | more

    @property
    def uses(self) -> frozenset[str]:
        """The optional arguments of a call that this loss makes use of, see ``ml3zoo.losses.contract``."""
        uses = {
            "feature": self.uses_feature,
            "class_counts": self.uses_class_counts,
            "progress": self.uses_progress,
            "context": bool(self.statistics),
        }
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

    def target_options(
        self,
        weight: Tensor | None = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
        class_counts: Tensor | None = None,
    ) -> None:
        """Say what is true of all targets, as to ``torch.nn.CrossEntropyLoss``; for classification.

        Args:
            weight: of each class, [classes]; all 1 if not given.
            ignore_index: a class index that marks points to leave out; none if None.
            label_smoothing: share of a target that is spread over all classes, in [0, 1].
            class_counts: how many training points each class has, [classes], for losses that look at that.

        Raises:
            InputError: a value is out of range, or the loss is none of classes.
        """
        options = TargetOptions(weight, ignore_index, label_smoothing, class_counts)
        check_options(options, self.config.name, self.convention)
        for name in _TOLD:
            told: Tensor | None = getattr(options, name)
            setattr(self, name, None if told is None else told.detach().to(self.shift.device, self.dtype))
        self.ignore_index, self.label_smoothing = ignore_index, float(label_smoothing)

    @property
    def dtype(self) -> torch.dtype:
        """What the loss computes in: float64 if it was moved there, else float32."""
        return torch.float64 if self.shift.dtype == torch.float64 else torch.float32

    def forward(
        self,
        input: Tensor,
        target: Tensor,
        *,
        feature: Tensor | None = None,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        class_counts: Tensor | None = None,
        progress: Tensor | float | None = None,
        context: Mapping[str, Tensor] | None = None,
        num_items_in_batch: Tensor | float | None = None,
    ) -> Tensor:
        """The loss of predictions.

        A point that is left out has value 0 and touches nothing else; if none is left, the loss is 0. A point whose
        prediction or target is not finite has value NaN and no gradient, and the others keep theirs.

        Args:
            input: predictions, floating point, not empty; or the output of a model that has them as ``logits``.
                Regression: any shape. Classification: logits, [classes] or [points, classes, ...]. Trajectories:
                actions [..., actions].
            target: what they should be. Regression: same shape. Classification: class indices [points, ...], or
                probabilities shaped like the input. Trajectories: goals [..., goals].
            feature: more about each point, often the model's input, for losses that look at it. Shaped like ``input``;
                for trajectories the states [..., states].
            mask: whether a point counts, one boolean for each value that ``reduction="none"`` gives.
            sample_weight: how often a point counts, shaped like ``mask``, from 0; a mean divides by the sum.
            class_counts: how many training points each class has, [classes], if the loss was not told before.
            progress: share of training done, in [0, 1], for callers that count steps themselves.
            context: statistics of the batch by name, where those of this batch are a poor guess; see ``context``.
            num_items_in_batch: what a mean divides by, where the batch is larger than this call.

        Raises:
            InputError: shapes or types do not fit, the batch is empty, or the loss needs a feature.
        """
        input = predictions_of(input)
        self._check(input, target, feature, mask, sample_weight)
        counts = self._counts(input, class_counts)
        check_items(num_items_in_batch)
        if context is not None:
            check_context(context, self.context_names, self.config.name)
        autocast = torch.is_autocast_enabled(input.device.type)
        with torch.autocast(input.device.type, enabled=False) if autocast else nullcontext():
            call, in_training = self._call(input, target, feature, mask, sample_weight), self._in_training(input)
            if progress is None:
                progress = self._tick(input, call)
            else:
                check_progress(progress)
                if self.memory is not None:
                    self.clock.noted(in_training)
            progress = torch.as_tensor(progress).to(self.dtype).to(input.device)  # not every device has float64
            known = {**call.known, **counts, "progress": progress, **(context or {})}
            inputs = LossInputs(self.problem_type, known, self._reductions(call, in_training))
            if self.memory is not None and RUNNING + self.memory.names[0] not in known:
                inputs.give(self.memory(inputs, self.clock.counts, in_training=in_training))
            value = self.value(inputs)
            return call.reduced(value, self.reduction, num_items_in_batch)

    @property
    def statistics(self) -> list[str]:
        """The signals of the batch as a whole that this loss looks at or remembers, sorted."""
        rested_on = {signal.rests_on for signal in self._looked_at if signal.rests_on}
        return sorted({signal.name for signal in self._looked_at if signal.scope == "batch"} | rested_on)

    @property
    def remembered(self) -> list[str]:
        """The signals of the batch whose running means this loss looks at, sorted."""
        return sorted(str(signal.rests_on) for signal in self._looked_at if signal.scope == "running")

    @property
    def _looked_at(self) -> list[Signal]:
        names = {name for signal in self.config.signals for name in signal.looks_at} | {*self.terms}
        return [self.problem_type.signals[name] for name in names]

    def _inputs(
        self,
        input: Tensor,
        target: Tensor,
        *,
        feature: Tensor | None = None,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        class_counts: Tensor | None = None,
    ) -> LossInputs:
        """A whole batch, with gradients through its statistics."""
        check_call(self.convention, input, target, mask, sample_weight)
        call = self._call(input, target, feature, mask, sample_weight)
        known = {**call.known, **self._counts(input, class_counts)}
        return LossInputs(self.problem_type, known, self._reductions(call, True), through_batch=True)

    @property
    def context_names(self) -> Sequence[str]:
        """What a context may give."""
        return [*self.statistics, *(RUNNING + name for name in self.remembered)]

    @property
    def looks_at_batch(self) -> bool:
        """Whether the loss of a point depends on the others."""
        return bool(self.context_names)

    def context(
        self,
        input: Tensor,
        target: Tensor,
        *,
        feature: Tensor | None = None,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
        class_counts: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """The statistics of the batch this loss looks at, with their gradient; arguments as those of a call.

        They are those of all ranks, each of which must ask for them. Inside ``forward`` they are constants. Where one
        step sees a batch in parts, take them over the whole batch without a graph and pass them to the call for each
        part. To differentiate through a whole training, pass them to ``forward`` with their gradient: they depend on
        the steps before.
        """
        inputs = self._inputs(
            input, target, feature=feature, mask=mask, sample_weight=sample_weight, class_counts=class_counts
        )
        return {name: inputs[name] for name in self.statistics}

    def remember(self, means: RunningMeans, **arguments: Any) -> tuple[RunningMeans, dict[str, Tensor]]:
        """A step of the memory as a pure function, for those who keep the state themselves (``torch.func``).

        Args:
            means: of the steps before; ``RunningMeans.empty`` at the first.
            arguments: ``input``, ``target`` and whatever else of a call says which points count.

        Returns:
            What to keep, and what to give to the call as (part of) its ``context``.
        """
        assert self.memory is not None, f"{self.config.name} remembers nothing"
        statistics = self.memory.statistics(self._inputs(**arguments))
        return means.after(statistics), self.memory.named(means.seen(statistics))

    def reset(self) -> Self:
        """Forget the training so far: no steps, no progress set by hand, no optimiser followed, nothing remembered."""
        if self.memory is not None:
            self.memory.reset()
        return super().reset()

    def _check(
        self,
        input: Tensor,
        target: Tensor,
        feature: Tensor | None,
        mask: Tensor | None = None,
        sample_weight: Tensor | None = None,
    ) -> None:
        check_call(self.convention, input, target, mask, sample_weight)
        if self.uses_feature:
            check_feature(self.convention, self.config.name, input, feature)

    def _call(
        self,
        input: Tensor,
        target: Tensor,
        feature: Tensor | None,
        mask: Tensor | None,
        sample_weight: Tensor | None,
    ) -> Call:
        options = TargetOptions(self.weight, self.ignore_index, self.label_smoothing)
        return self.convention.call(input, target, self.dtype, options, feature, mask, sample_weight)

    def _counts(self, input: Tensor, given: Tensor | None) -> dict[str, Tensor]:
        """How many training points each class has, as signal, if the loss looks at that."""
        if not self.uses_class_counts:
            return {}
        told = self.class_counts if given is None else given
        counts = check_class_counts(self.convention, self.config.name, input, told)
        return {"class_counts": counts.to(input.device, self.dtype)}

    def _reductions(self, call: Call, in_training: bool) -> Reductions:
        group = self._group() if in_training else None
        return Reductions(call.points, call.weights, kind=call.kind, group=group)

    def _group(self) -> dist.ProcessGroup | None:
        """The ranks that share a batch."""
        if self.process_group is None or not (dist.is_available() and dist.is_initialized()):
            return None
        if not may_look_at_values():  # no rank waits for another inside of them
            return None
        group = dist.group.WORLD if self.process_group == "all" else self.process_group
        return group if dist.get_world_size(group) > 1 and self.looks_at_batch else None

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

    def _look(self, input: Tensor, call: Call) -> None:
        """At the first call of a training, warn of a problem unlike those that the loss was made for."""
        self._looked = True
        made_for, classes = self.config.classes, self.convention.classes(input)
        if made_for is not None and not made_for.fewest <= classes <= made_for.most:
            warn(
                f"{self.config.name} was meta-trained on problems of {made_for}; this one has {classes}. Compare it "
                "with cross-entropy before you rely on it."
            )

        doubt = self.convention.doubt(call) if may_read_values(input) else ""
        if doubt:
            warn(f"{self.config.name} {doubt}")

    def _in_training(self, input: Tensor) -> bool:
        """Whether a call builds a graph."""
        return torch.is_grad_enabled() and input.requires_grad

    def _tick(self, input: Tensor, call: Call) -> Tensor:
        """The progress of this call, of which the clock is told."""
        if not self._in_training(input):
            progress: Tensor = self.clock()
            return progress
        if not (self._looked or torch.compiler.is_compiling()):
            self._look(input, call)
        return self.clock.called(input) if self.uses_progress or self.memory is not None else self.clock()

    def __getstate__(self) -> dict[str, Any]:
        """All but what the config says: rules of signals cannot be pickled."""
        return {name: value for name, value in self.__dict__.items() if name != "problem_type"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Find the problem type again."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self.problem_type = find_problem_type(self.config.problem_type)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """Refuse the state of another loss. Constants, and what is said of targets, need not be in it."""
        error_messages: list[str] = others[-1]
        for name in _TOLD:
            told = getattr(self, name)
            if told is None:
                state_dict.pop(prefix + name, None)
            else:
                state_dict.setdefault(prefix + name, told)
        for name, expected in self.constants().items():
            found = state_dict.setdefault(prefix + name, expected)
            if found.is_meta:
                continue
            if found.shape != expected.shape or not torch.allclose(found.float().cpu(), expected, rtol=1e-2):
                error_messages.append(
                    f"this is the state of another loss than {self.config.name}: its {name} is {found.tolist()}, "
                    f"{expected.tolist()} was expected. Load the loss whose state was saved."
                )
                return
        super()._load_from_state_dict(state_dict, prefix, *others)

"""How far a training is: a clock that counts the steps of optimisers, not the calls of a loss."""

from __future__ import annotations

import operator
import weakref
from typing import Any, SupportsIndex

import torch
from torch import Tensor, nn
from torch._compile import _disable_dynamo
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from ml3zoo.errors import InputError
from ml3zoo.losses.call import may_look_at_values
from ml3zoo.losses.fingerprint import Fingerprint
from ml3zoo.losses.notices import warn

_FOREIGN = 10
"""Steps of other optimisers, without one of the followed, after which a clock warns."""
_NONE = -1.0
_clocks: weakref.WeakSet[Clock] = weakref.WeakSet()
_followed: weakref.WeakKeyDictionary[Clock, weakref.ref[Optimizer]] = weakref.WeakKeyDictionary()
_hooked = False


class Clock(nn.Module):
    """Counts the steps of a training.

    A step of a torch optimiser counts if the loss was called since the last step that did. So it does not matter how
    often a step calls the loss (micro-batches, closures, two heads, checkpointing), nor does a step that was skipped
    count. A clock that follows an optimiser counts each of its steps and no others. As long as no optimiser has
    stepped, somebody may update parameters by hand: then a call counts if the model has changed since the last one.

    The count is state: it is in ``state_dict()``, and a copy goes on from it. What a clock follows is not.

    Args:
        name: of the loss, for messages.
        tells_progress: whether the loss looks at the progress, and not only at whether a step was made.

    Attributes:
        total: number of steps of the whole training, None if unknown.
        counts: steps of optimisers, changes of the model seen before the first, and whether there was one, int64 [3].
        given: the progress that was set by hand, -1 if none was, a scalar.
    """

    counts: Tensor
    given: Tensor

    def __init__(self, name: str, *, tells_progress: bool = True) -> None:
        super().__init__()
        self.name = name
        self._tells_progress = tells_progress
        self.register_buffer("counts", torch.zeros(3, dtype=torch.int64))
        self.register_buffer("given", torch.tensor(_NONE, dtype=torch.float32))
        self._total: int | None = None
        self._given: float | None = None
        self._model: Fingerprint | None = None
        self._reset()
        _enrol(self)

    @property
    def total(self) -> int | None:
        """Number of steps of the whole training; None if it is unknown, and then progress stays at 0."""
        return self._total

    @total.setter
    def total(self, steps: SupportsIndex | None) -> None:
        self._total = None if steps is None else _whole("total_steps", steps, 1, "the number of training steps")
        self._warned.discard("past")

    @property
    def steps(self) -> int:
        """Steps counted so far; before any optimiser has stepped, changes of the model that calls have seen."""
        steps, changes, optimised = self.counts.tolist()
        return int(steps if optimised else steps + changes)

    @steps.setter
    def steps(self, steps: SupportsIndex) -> None:
        self._counted = _whole("steps", steps, 0, "the number of training steps done")
        self._warned.discard("past")
        self.counts[0].fill_(self._counted)
        self._by_optimizer()

    @property
    def progress(self) -> float:
        """Share of the training done, in [0, 1]."""
        if self._given is not None:
            return self._given
        return min(self.steps / self.total, 1.0) if self.total else 0.0

    @progress.setter
    def progress(self, value: float | None) -> None:
        try:
            given = None if value is None else float(value)
        except (TypeError, ValueError, RuntimeError):
            given = -1.0
        if given is not None and not 0 <= given <= 1:
            raise InputError(f"progress must lie in [0, 1], got {value!r}. It is the share of training that is done.")
        self._given = given
        self.given.fill_(_NONE if given is None else given)

    def forward(self) -> Tensor:
        """The progress as a tensor, a scalar; nothing waits for a GPU, and a trace reads it anew at each call."""
        if self.counts.device.type == "cpu" and not torch.compiler.is_compiling():
            return torch.tensor(self.progress, dtype=torch.float64)
        if self.total is None:
            return self.given.clamp(min=0.0)
        steps, changes, optimised = self.counts.unbind()
        done = (steps + changes * (1 - optimised)).to(self.given.dtype)  # some devices have no float64
        return torch.where(self.given < 0, (done / self.total).clamp(max=1.0), self.given)

    def noted(self, in_training: bool) -> None:
        """A call whose progress was given: the next step of an optimiser counts, if the call belongs to one.

        Calls inside transforms such as ``torch.func.grad`` belong to none.
        """
        self._noted |= in_training and may_look_at_values()

    def called(self, input: Tensor) -> Tensor:
        """The progress of a call that builds a graph, of predictions ``input``; see ``forward``.

        Inside transforms such as ``torch.func.grad`` nothing is counted but the steps of optimisers. In compiled code
        every call before the first of these counts.
        """
        self._called = True
        if not may_look_at_values():  # they refuse to change what they did not make
            return self.forward()
        if torch.compiler.is_compiling():
            progress = self.forward()
            self.counts[1].add_(1)
            return progress
        self._warn_of_unknown_length()
        self._warn_of_end()
        if not self._optimised:
            model = Fingerprint.of(input)
            if self._model is not None and (model is None or model != self._model):
                self.counts[1].add_(1)
                self._warn_of_hidden_model(model)
            self._model = model or Fingerprint.unknown()
        return self.forward()

    def advance(self, steps: SupportsIndex) -> None:
        """Count steps."""
        self._add(_whole("steps", steps, 0, "the number of training steps just done"))
        self._warn_of_end()

    def follow(self, optimizer: Optimizer) -> None:
        """Count the steps of this optimiser and of no other.

        Raises:
            InputError: it is no torch optimiser, or another one is followed.
        """
        if not isinstance(optimizer, Optimizer):
            raise InputError(
                f"{self.name} follows torch optimisers, got {type(optimizer).__name__}. Call loss.advance() after each "
                "step of any other."
            )
        now = self._follows()
        if now is not None and now is not optimizer:
            raise InputError(
                f"{self.name} already follows an optimiser ({type(now).__name__}). Call loss.reset() to start anew."
            )
        _followed[self] = weakref.ref(optimizer)
        self._by_optimizer()

    def reset(self) -> None:
        """Start anew: no steps, no progress set by hand, nothing followed. ``total`` stays."""
        _followed.pop(self, None)
        self._reset()
        self.progress = None
        self.counts.zero_()

    def _reset(self) -> None:
        self._counted = 0
        self._optimised = False
        self._called = self._noted = False
        self._model = None
        self._given = None
        self._foreign = 0
        self._warned: set[str] = set()

    def _follows(self) -> Optimizer | None:
        return _followed[self]() if self in _followed else None

    def _stepped(self, optimizer: Optimizer) -> None:
        """An optimiser of this process has made a step."""
        followed = self._follows()
        if followed is None:
            if not (self._called or self._noted):
                return
        elif optimizer is not followed and optimizer is not getattr(followed, "optimizer", None):
            self._warn_of_foreign(optimizer, followed)
            return
        self._foreign = 0
        if self._called:
            self._warn_of_unknown_length()
        self._add(1)

    def _add(self, steps: int) -> None:
        self._counted += steps
        self.counts[0].add_(steps)
        self._by_optimizer()

    def _by_optimizer(self) -> None:
        """From now on the model is not looked at."""
        self._optimised, self._called, self._noted, self._model = True, False, False, None
        self.counts[1].zero_()
        self.counts[2].fill_(1)

    def _warn_of_unknown_length(self) -> None:
        if self._tells_progress and self._total is None and self._given is None:
            self._warn(
                "total",
                "looks at the training progress but does not know how long training is: progress stays at 0. Use "
                "load_loss(name, total_steps=N), or set loss.total_steps or loss.progress.",
            )

    def _warn_of_hidden_model(self, model: Fingerprint | None) -> None:
        if model is None and self._given is None:
            self._warn(
                "calls",
                "was called twice before any torch optimiser made a step, and cannot see the model: calls count for "
                "steps until one does. With several calls per step, write loss.follow(optimizer).",
            )

    def _warn_of_end(self) -> None:
        if self._total is not None and self._counted > self._total and self._given is None:
            self._warn(
                "past",
                f"has made {self._counted} steps of total_steps={self._total}: progress stays at 1. Before another "
                "training, call loss.reset().",
            )

    def _warn_of_foreign(self, optimizer: Optimizer, followed: Optimizer) -> None:
        self._foreign += self._called
        self._called = False
        if self._foreign >= _FOREIGN:
            self._warn(
                "foreign",
                f"follows an optimiser ({type(followed).__name__}) that made no step, while another "
                f"({type(optimizer).__name__}) made {self._foreign} after calls of this loss. Follow the one that "
                "trains the model: loss.reset().follow(optimizer).",
            )

    def _warn(self, what: str, message: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            warn(f"{self.name} {message}")

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *others: Any) -> None:
        """A state without a clock, as older versions had, is one of no steps."""
        state_dict.setdefault(f"{prefix}counts", torch.zeros_like(self.counts, device="cpu"))
        state_dict.setdefault(f"{prefix}given", torch.tensor(_NONE))
        super()._load_from_state_dict(state_dict, prefix, *others)
        if not (self.counts.is_meta or self.given.is_meta):
            self.counts, self.given = self.counts.clone(), self.given.clone()  # not those of whom the state is from
            self._counted, _, optimised = self.counts.tolist()
            self._optimised = bool(optimised)
            given = self.given.item()
            self._given = None if given < 0 else round(given, 6)

    def __getstate__(self) -> dict[str, Any]:
        """All but which model was seen."""
        return self.__dict__ | {"_model": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy counts for itself."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        _enrol(self)


def _enrol(clock: Clock) -> None:
    """Tell a clock of the steps of all optimisers."""
    global _hooked
    _clocks.add(clock)
    if not _hooked:
        _hooked = True
        register_optimizer_step_post_hook(_step_was_made)


@_disable_dynamo
def _step_was_made(optimizer: Optimizer, _arguments: Any, _keywords: Any) -> None:
    for clock in tuple(_clocks):
        clock._stepped(optimizer)


def _whole(name: str, value: SupportsIndex, least: int, meaning: str) -> int:
    """A whole number.

    Raises:
        InputError: it is none, or too small.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise InputError(f"{name} must be a whole number from {least}, got {value!r}. It is {meaning}.")
    return number

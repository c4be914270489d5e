"""What a signal and a problem type are, as data. Needs no torch: rules only call methods of the tensors they get."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ml3zoo.format.transforms import PER, TRANSFORMS, SignalValues, Transform, per

if TYPE_CHECKING:
    from torch import Tensor

RUNNING = "running_"
"""Before the name of a signal of the batch: its running mean."""
SMALLEST = 1e-6
"""Relative errors below this count as zero, so that logarithms and ratios stay finite."""
_SMALLEST_SHARE = 0.01


@dataclass(frozen=True)
class Signal:
    """One thing that a loss may look at.

    Attributes:
        name: as configs and formulas have it.
        scope: ``"point"``: one number for each point. ``"batch"``: of all points of a call, and a constant to the
            gradient; it tells the loss where training stands. ``"running"``: its mean over the batches of the steps
            before, which the loss remembers; at the first step that of the batch. ``"training"``: how far training is,
            and what it trains on.
        meaning: completes "``name`` is …" on a card; other signals in it stand in backticks.
        rule: computes it from other signals; None if the call gives it.
        argument: of the call, that it needs besides input and target.
        unit: whether there is a transform ``per_<name>``; it must always be above zero.
        rests_on: the signal of the batch that another is computed from, if there is one.
        steady: whether it is the same for every batch.
        intermediate: only other signals may use it, no config.
        formula: how it is written in a formula, if not by its name.
    """

    name: str
    scope: Literal["point", "batch", "running", "training"]
    meaning: str
    rule: Callable[[SignalValues], Tensor] | None = None
    argument: Literal["feature", "class_counts", "progress"] | None = None
    unit: bool = False
    rests_on: str | None = None
    steady: bool = False
    intermediate: bool = False
    formula: str = ""

    def running(self) -> Signal:
        """The running mean of this signal of the batch."""
        return Signal(
            RUNNING + self.name,
            "running",
            f"the running mean of `{self.name}` over the steps",
            lambda values: values[self.name],
            unit=self.unit,
            rests_on=self.name,
        )


@dataclass(frozen=True)
class ProblemType:
    """What losses of one type of problem look at, and what is true of all of them.

    Attributes:
        name: as configs have it.
        signals: by name, those of the training included; made by ``by_name``.
        ordinary: the signal that is the ordinary loss of a point; None if there is none.
        functional: name of the ordinary loss in ``torch.nn.functional``.
        task: what the Hub calls such problems.
        sample_call: Python that makes a prediction, a target and a feature, by these names. A ``{name}`` stands for
            the length of that list in the loss's architecture, 1 if it has none.
        acting: whether the model acts in an environment, so that each step's data follow from what it did.
        call: what a loss is called with in a card's snippet.
        call_feature: the same for its feature, if it looks at one and the call has none yet; empty if it has.
        each_step: what the snippet does at the beginning of each step.
        transforms: what signals may go through, by name.
    """

    name: str
    signals: Mapping[str, Signal]
    ordinary: str | None
    functional: str
    task: str
    sample_call: Mapping[str, str]
    acting: bool = False
    call: str = "model(x), y"
    call_feature: str = "feature"
    each_step: str = ""
    transforms: Mapping[str, Transform] = field(init=False)

    def __post_init__(self) -> None:
        """A transform for every unit."""
        units = {PER + signal.name: per(signal.name) for signal in self.signals.values() if signal.unit}
        object.__setattr__(self, "transforms", {**units, **TRANSFORMS})

    @property
    def nameable(self) -> list[str]:
        """The signals that a config may name, sorted."""
        return sorted(signal.name for signal in self.signals.values() if not signal.intermediate)

    @property
    def terms(self) -> list[str]:
        """The signals that a loss may add up, sorted: those computed for each point."""
        return [
            name
            for name in self.nameable
            if self.signals[name].scope == "point" and self.signals[name].rule is not None
        ]

    def glossary(self, formula: str) -> str:
        """What the names in a formula mean, and the names in these meanings: sentences for a card."""
        words = re.findall(r"[a-z]\w*", formula)
        named = {word for word in words if word in self.signals}
        pending = sorted(named)
        while pending:
            others = set(re.findall(r"`(\w+)`", self.signals[pending.pop()].meaning)) - named
            named |= others
            pending += others
        used = [signal for signal in self.signals.values() if signal.name in named]
        entries = [f"`{signal.name}` is {signal.meaning}" for signal in used]
        entries += [f"`{t.name}(u)` is {t.meaning}" for t in TRANSFORMS.values() if t.meaning and t.name in words]
        of_batch = [f"`{signal.name}`" for signal in used if signal.scope in ("batch", "running")]
        constants = f" Constant to the gradient: {', '.join(of_batch)}." if of_batch else ""
        return f"{'; '.join(entries)}.{constants}" if entries else ""


def by_name(*signals: Signal) -> dict[str, Signal]:
    """Signals of a problem type by name, their running means, and those of the training, which every type has."""
    means = (each.running() for each in signals if each.scope == "batch" and not (each.steady or each.intermediate))
    return {signal.name: signal for signal in (*signals, *means, *_OF_TRAINING)}


_OF_TRAINING = (
    Signal("progress", "training", "the share of the training done", argument="progress"),
    Signal(
        "elapsed",
        "training",
        "`progress`, at least 0.01",
        lambda values: values["progress"].clamp_min(_SMALLEST_SHARE),
        argument="progress",
    ),
    Signal(
        "remaining",
        "training",
        "the share of the training left, at least 0.01",
        lambda values: (1 - values["progress"]).clamp_min(_SMALLEST_SHARE),
        argument="progress",
    ),
)

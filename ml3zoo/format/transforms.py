"""What a signal may go through before a loss sees it: each transform is declared once. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

PER = "per_"
"""A transform of this name and a signal's divides by that signal."""


class SignalValues(Protocol):
    """One call of a loss: its signals by name, and what sums them up over the points that count."""

    def __getitem__(self, name: str, /) -> Tensor:
        """A signal of each point, or of the batch or the training as a whole."""

    def count(self, like: Tensor, /) -> Tensor:
        """How many points there are, a scalar of the same type."""

    def sum(self, value: Tensor, /) -> Tensor:
        """Over the points, [points, ...] to [...]."""

    def mean(self, value: Tensor, /) -> Tensor:
        """Over the points, [points, ...] to [...]."""

    def spread(self, value: Tensor, /) -> Tensor:
        """The standard deviation of [points]."""

    def largest(self, value: Tensor, /) -> Tensor:
        """The largest of [points]."""

    def median(self, value: Tensor, /) -> Tensor:
        """The lower median of [points]."""


@dataclass(frozen=True)
class Transform:
    """A function of a signal.

    Attributes:
        name: as configs have it.
        text: as in a formula, with a place for the signal.
        rule: computes it from the signal, and from other signals of the call.
        unit: the signal it divides by, if it does.
        meaning: completes "``name(u)`` is …" on a card, for what readers may not know.
    """

    name: str
    text: str
    rule: Callable[[Tensor, SignalValues], Tensor]
    unit: str | None = None
    meaning: str = ""


def per(unit: str) -> Transform:
    """The transform that divides by a signal."""
    return Transform(PER + unit, f"{{}} / {unit}", lambda value, values: value / values[unit], unit)


def find_transform(name: str) -> Transform:
    """A transform by its name.

    Raises:
        KeyError: there is none.
    """
    return per(name.removeprefix(PER)) if name.startswith(PER) else TRANSFORMS[name]


TRANSFORMS = {
    transform.name: transform
    for transform in (
        Transform("abs", "|{}|", lambda value, values: value.abs()),
        Transform("square", "({})^2", lambda value, values: value.square()),
        Transform("log", "log({})", lambda value, values: value.log()),
        Transform("log1p", "log(1 + {})", lambda value, values: value.log1p()),
        Transform(
            "squash",
            "squash({})",
            lambda value, values: value / (1 + value.square()).sqrt(),
            meaning="u / √(1 + u²)",
        ),
        Transform("detach", "{}", lambda value, values: value.detach()),
    )
}
"""All transforms but those that divide by a signal, by name."""

"""The figures of a loss as bars: how much it changes the error, and in how many setups it is better and worse."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from ml3zoo.format.results import Results, Verdict
from ml3zoo.zoo.verdicts import Change, changes

_LONGEST = 2.0
"""The factor between two errors that has the longest bar; larger ones have it too."""
_KINDS: dict[Verdict, str] = {"better": "better", "no clear difference": "alike", "worse": "worse"}


@dataclass(frozen=True)
class Bar:
    """A change of the error.

    Attributes:
        label: what was trained.
        kind: "better", "alike" or "worse".
        height: the logarithm of the change, from -1, a much higher error, to 1, a much lower one.
        figure: the change as text, with its interval.
    """

    label: str
    kind: str
    height: float
    figure: str

    @classmethod
    def of(cls, change: Change) -> Bar:
        """The bar of a change."""
        height = -math.log(max(change.ratio, 1e-30), _LONGEST)
        figure = f"{_in_words(change.ratio)} [{_in_words(change.low)}, {_in_words(change.high)}]"
        return cls(change.label, _KINDS[change.verdict], min(max(height, -1.0), 1.0), figure)


@dataclass(frozen=True)
class Outcomes:
    """In how many setups a loss, used as its headline says, is better than the tuned baseline, alike and worse."""

    better: int
    alike: int
    worse: int

    @property
    def setups(self) -> int:
        """All of them."""
        return self.better + self.alike + self.worse

    @property
    def balance(self) -> float:
        """From -1, worse in all setups, to 1, better in all."""
        return (self.better - self.worse) / self.setups


def bars(results: Results) -> list[Bar]:
    """A bar for each level of noise in ordinary training, else for each setup."""
    return [Bar.of(change) for change in changes(results)]


def outcomes(results: Results) -> Outcomes:
    """The verdicts of all setups, counted."""
    verdicts = Counter(setup.verdict(setup.shown.use) for setup in results.setups)
    return Outcomes(verdicts["better"], verdicts["no clear difference"], verdicts["worse"])


def _in_words(ratio: float) -> str:
    """``−27 %``; above twice as much as a factor."""
    return f"{ratio:.3g} ×" if ratio > 2 else f"{100 * (ratio - 1):+.0f} %".replace("-", "−")

"""Which losses are trained how long: few splits for many losses, all splits for the best (successive halving)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ml3zoo.apply.table.candidates import Candidate
from ml3zoo.apply.table.training import GRID
from ml3zoo.apply.table.trials import Trial, Trials

_FEW_SPLITS = 3
_FIRST, _SECOND = 8, 4
"""Names that are left after each round."""
_NEXT = math.sqrt(10)
_SHARES = (0.4, 0.6)
"""Of the time limit, at the end of each round."""


@dataclass(frozen=True)
class Finalist:
    """A loss that came to the end, both ways.

    Attributes:
        swapped_in: at the learning rate that is best for the ordinary loss.
        tuned: at its own best.
    """

    swapped_in: Trial
    tuned: Trial

    @property
    def candidate(self) -> Candidate:
        """The loss."""
        return self.tuned.candidate

    @property
    def ways(self) -> tuple[tuple[Trial, str], ...]:
        """Both, with what they are called; one, where they are the same."""
        tuned = (self.tuned, "tuned")
        return (tuned,) if self.swapped_in.lr == self.tuned.lr else ((self.swapped_in, "swapped in"), tuned)

    @property
    def best(self) -> Trial:
        """The better way on validation rows; swapped in, if they are equal."""
        return min(self.swapped_in, self.tuned, key=lambda trial: trial.score)


@dataclass(frozen=True)
class Outcome:
    """How a race ended.

    Attributes:
        usual: the problem type's ordinary loss.
        finalists: the others, the best on validation rows first.
        untried: losses that the time limit left no time for.
    """

    usual: Finalist
    finalists: tuple[Finalist, ...]
    untried: tuple[Candidate, ...]

    @property
    def winner(self) -> Finalist:
        """The best on validation rows."""
        return min((self.usual, *self.finalists), key=lambda each: each.best.score)


@dataclass(frozen=True)
class Race:
    """A race of losses on a table.

    Attributes:
        trials: trains them.
        usual: the problem type's ordinary loss.
        others: what is compared with it.
        kept: which of them come to the end in any case.
        splits: that finalists are trained on.
        time_limit: seconds for the rounds before the last; None for as long as it takes.
    """

    trials: Trials
    usual: Candidate
    others: tuple[Candidate, ...]
    kept: frozenset[Candidate]
    splits: int
    time_limit: float | None = None

    @property
    def networks(self) -> int:
        """How many networks are trained in all."""
        finalists = min(len(self._names), _SECOND + len(self.kept))
        rounds = len(self.others) + 3 * min(len(self._names), _FIRST + len(self.kept)) if self._rounds else 0
        return (1 + finalists) * (len(GRID) + 1) * self.splits + _FEW_SPLITS * rounds

    def run(self, tell: Callable[[str], None]) -> Outcome:
        """Train, and tell what that will take, and who came to the end."""
        began, trials = time.monotonic(), self.trials
        first = self._tuned(self.usual)
        if trials.trained:
            left = _in_words(trials.seconds * (self.networks / trials.trained - 1))
            tell(f"{len(self.others) + 1} losses, {self.splits} splits of the table: about {left} more")
        lr, left_in, untried = first.lr, list(self.others), list[Candidate]()
        rounds = (((lr,), _FIRST), ((lr / _NEXT, lr, lr * _NEXT), _SECOND)) if self._rounds else ()
        for (rates, most), share in zip(rounds, _SHARES, strict=False):
            until = None if self.time_limit is None else began + share * self.time_limit
            left_in, late = self._round(left_in, rates, most, until)
            untried += late
        finalists = [self._finalist(each, lr) for each in left_in]
        finalists.sort(key=lambda each: each.best.score)
        return Outcome(Finalist(first, first), tuple(finalists), tuple(untried))

    def _finalist(self, candidate: Candidate, lr: float) -> Finalist:
        (swapped_in,) = self.trials.run(candidate, [lr], self.splits)
        return Finalist(swapped_in, self._tuned(candidate, lr))

    @property
    def _names(self) -> set[str]:
        return {each.name for each in self.others}

    @property
    def _rounds(self) -> bool:
        return len(self.others) > _SECOND

    def _tuned(self, candidate: Candidate, *more: float) -> Trial:
        own = () if candidate.recommended is None else (candidate.recommended,)
        rates = [self.trials.training.middle * factor for factor in GRID]
        return min(self.trials.run(candidate, [*rates, *more, *own], self.splits), key=lambda trial: trial.score)

    def _round(
        self, candidates: Sequence[Candidate], rates: Sequence[float], most: int, until: float | None
    ) -> tuple[list[Candidate], list[Candidate]]:
        """The best candidates, one of each name, a learned one among them; and those there was no time for."""
        best, late = list[Trial](), list[Candidate]()
        for candidate in candidates:
            if until is not None and time.monotonic() > until and candidate not in self.kept:
                late.append(candidate)
            else:
                best.append(min(self.trials.run(candidate, rates, _FEW_SPLITS), key=lambda trial: trial.score))
        best.sort(key=lambda trial: trial.score)
        left = list(_first_of_each(trial.candidate for trial in best))
        kept = {*self.kept, *[each for each in left if each.learned][:1]}
        return [each for place, each in enumerate(left) if place < most or each in kept], late


def _in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def _first_of_each(candidates: Iterable[Candidate]) -> Iterator[Candidate]:
    """Of candidates with one name the first."""
    seen = set[str]()
    for candidate in candidates:
        if candidate.name not in seen:
            seen.add(candidate.name)
            yield candidate

"""What follows from a race of losses: which to use, and by how much it is better than what people use."""

from __future__ import annotations

from dataclasses import dataclass

from ml3zoo.apply.table.measures import Measure
from ml3zoo.apply.table.race import Finalist, Outcome
from ml3zoo.apply.table.table import Table
from ml3zoo.apply.table.trials import Trial
from ml3zoo.apply.verdict import Difference, verdict

_FEWEST = 100
"""Rows, below which chance decides."""


@dataclass(frozen=True)
class Comparing:
    """Compares trials of one race.

    Attributes:
        outcome: of the race.
        measure: how networks were measured.
        metric: what they are compared by.
        table: what they learned.
        asked: whether one loss was asked for by name; else all took part.
    """

    outcome: Outcome
    measure: Measure
    metric: str
    table: Table
    asked: bool

    @property
    def used(self) -> Finalist:
        """The loss that was asked for, or the best one."""
        learned = (each for each in self.outcome.finalists if each.candidate.learned)
        return next(learned) if self.asked else self.outcome.winner

    @property
    def baseline(self) -> Trial:
        """The best ordinary loss, tuned."""
        ordinary = [each.tuned for each in self.outcome.finalists if not each.candidate.learned]
        return min((self.outcome.usual.tuned, *ordinary), key=lambda trial: trial.score)

    @property
    def trial(self) -> Trial:
        """The loss used, in the better way."""
        return self.used.tuned if self.asked else self.used.best

    def difference(self, ours: Trial, theirs: Trial) -> Difference:
        """Ours less theirs, paired over splits."""
        dealt = self.table.deal(0)
        shared = 1.0 if self.table.own_test else len(dealt["test"]) / len(dealt["train"])
        gap = self.measure.gap(ours.scores[self.metric], theirs.scores[self.metric])
        return Difference.of(gap, shared, 1 if self.asked else max(1, len(self.outcome.finalists)))

    @property
    def verdict(self) -> str:
        """In a few sentences."""
        if len(self.table.strata) < _FEWEST:
            return (
                f"No verdict: with {len(self.table.strata)} rows chance decides which loss looks better. Collect "
                f"{_FEWEST} or more."
            )
        return self._on_the_asked if self.asked else self._on_the_best

    @property
    def _on_the_asked(self) -> str:
        used, name = self.used, self.used.candidate.name
        sentences = [self._sentence(used.tuned, f"{name}, tuned,", self.baseline)]
        if len(used.ways) > 1:
            sentences.insert(0, self._sentence(used.swapped_in, f"{name}, swapped in,", self.outcome.usual.tuned))
        sentences.append(self.measure.caveat(self.metric, used.tuned.scores, self.baseline.scores))
        return " ".join(filter(None, sentences))

    @property
    def _on_the_best(self) -> str:
        usual, used = self.outcome.usual, self.used
        if used.candidate == usual.candidate:
            return f"Keep {usual.candidate}: no loss did better on validation rows."
        name = f"{used.candidate}"
        sentences = [f"Best on validation rows: {name}.", self._sentence(self.trial, name, usual.tuned)]
        if used.candidate.learned and self.baseline.candidate != usual.candidate:
            sentences.append(self._sentence(self.trial, name, self.baseline))
        change = self.difference(self.trial, usual.tuned)
        if change.high is None or change.high > 0:
            sentences.append(f"As far as can be seen, {usual.candidate} is as good a choice.")
        return " ".join(sentences)

    def _sentence(self, ours: Trial, name: str, theirs: Trial) -> str:
        text = self.measure.metric_format(self.metric)
        return verdict(name, f"tuned {theirs.candidate}", self.difference(ours, theirs), text, f"{ours.splits} splits")

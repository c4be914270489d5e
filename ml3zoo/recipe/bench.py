"""Recomputing a card's numbers, and where they differ."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml3zoo.errors import ConfigError, UnknownNameError
from ml3zoo.evaluate import Evaluation, bootstrap, evaluate, replay_setup
from ml3zoo.format.results import Interval, MethodResult, PairedComparison, Results, SetupResult, read_results
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.recipe.finding import find_recipe, list_recipes
from ml3zoo.recipe.recipe import Recipe, quick_evaluation
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.store import read_loss

TOLERANCE = 0.02
"""Relative difference up to which a number counts as reproduced: other machines round differently."""
_SPREADS = 1.5
"""How many 95 % intervals a mean over some of the tasks may lie off the mean over all."""


@dataclass(frozen=True)
class Row:
    """One method in one setup: what the card says and what was measured now.

    Attributes:
        setup: as in the card.
        method: as in the card.
        card: the metric there, None if the card does not have this method or setup, or there is no card.
        now: the metric now.
        spread: half the 95 % interval of a measurement on some of the card's tasks; 0 on all of them.
    """

    setup: str
    method: str
    card: float | None
    now: float
    spread: float = 0.0

    @property
    def differs(self) -> bool:
        """Whether card and measurement disagree."""
        if self.card is None:
            return False
        return abs(self.now - self.card) > TOLERANCE * abs(self.card) + _SPREADS * self.spread


@dataclass(frozen=True)
class BenchReport:
    """All rows of a bench.

    Attributes:
        rows: what was measured.
        has_card: whether there is a card to compare with; then it must have every row.
    """

    rows: tuple[Row, ...]
    has_card: bool = True

    @property
    def differs(self) -> bool:
        """Whether a number of the card is not reproduced, or what was measured is not in the card."""
        return any(row.differs or (self.has_card and row.card is None) for row in self.rows)

    @property
    def verdict(self) -> str:
        """One sentence."""
        if not self.has_card:
            return "The loss has no card to compare with."
        compared = [row for row in self.rows if row.card is not None]
        differ = [
            f"{row.method} on {row.setup}: {row.card:.3f} in the card, {row.now:.3f} now"
            for row in compared
            if row.differs
        ]
        differ += [f"{row.method} on {row.setup}: not in the card" for row in self.rows if row.card is None]
        if differ:
            return f"{len(differ)} of {len(self.rows)} numbers differ: {'; '.join(differ)}"
        on_some = any(row.spread for row in compared)
        within = "on some of its tasks, within their spread" if on_some else f"within {TOLERANCE:.0%}"
        return f"All {len(compared)} numbers of the card are reproduced {within}."

    def lines(self) -> list[str]:
        """The table, a line per row."""
        width = max(len(row.method) for row in self.rows)
        lines, setup = [], None
        for row in self.rows:
            if row.setup != setup:
                setup = row.setup
                lines.append(setup)
            card = "" if row.card is None else f"  card {row.card:.4f}{'  DIFFERS' if row.differs else ''}"
            lines.append(f"  {row.method:<{width}}  {row.now:.4f}{card}")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "rows": [asdict(row) | {"differs": row.differs} for row in self.rows],
            "verdict": self.verdict,
        }


def rerun(name: str | Path, *, recipe: str | None = None, quick: bool = False) -> BenchReport:
    """Measure a loss by its recipe's protocol.

    Args:
        name: a name of the zoo or a folder.
        recipe: name or path of the recipe, which is Python code and is run; one of ml3zoo's own if not given.
        quick: the first setup alone, on the tasks of one seed, every method as it was tuned for the card. The initial
            loss is left out if it takes minutes to make, as by imitation.

    Raises:
        UnknownNameError: the loss, or the recipe it names, is unknown.
    """
    folder = resolve(name)
    loss, card = read_loss(folder), read_results(folder)
    found = _recipe_of(loss, name, recipe)
    evaluation = found.evaluation(loss.config)
    with reproducible_compute():
        initial = _initial(loss, found, quick=quick)
        measured = card.find(evaluation.setups[0].describe()) if card else None
        if quick and measured is not None:
            return BenchReport(tuple(_replayed(loss, evaluation, measured, initial)))
        now = evaluate(loss, quick_evaluation(evaluation) if quick else evaluation, initial)
    return BenchReport(tuple(_compared(now, card)), has_card=card is not None)


@dataclass(frozen=True)
class HeadlineReport:
    """A card's headline, measured again on the tasks of one of its seeds.

    Attributes:
        metric: what is measured.
        baseline: the tuned ordinary loss that the loss is compared with.
        card: the difference to it in the card.
        now: the same now.
        seeds: of the card.
    """

    metric: str
    baseline: str
    card: PairedComparison
    now: float
    seeds: int

    @property
    def differs(self) -> bool:
        """Whether the difference disagrees with the card's, in size or, where that is clear, in sign."""
        said = self.card.difference
        if abs(self.now - said.mean) > _SPREADS * math.sqrt(self.seeds) * _half_width(said):
            return True
        return self.card.verdict != "no clear difference" and self.now * said.mean <= 0

    def __str__(self) -> str:
        """In a line."""
        outcome = "DIFFERS" if self.differs else "reproduced"
        return (
            f"{outcome}; {self.metric} less that of {self.baseline}: "
            f"{self.card.difference.mean:+.4f} in the card, {self.now:+.4f} now"
        )


def rerun_headline(name: str) -> HeadlineReport:
    """Measure what a bundled card's headline says: the loss as it is shown there against the tuned baseline.

    In the first setup, on the tasks of one seed, both as they were tuned for the card.

    Raises:
        UnknownNameError: there is no such loss.
        ConfigError: its card is not of this recipe.
    """
    folder = resolve(name)
    loss, results = read_loss(folder), read_results(folder)
    evaluation = dataclasses.replace(_recipe_of(loss, name, None).evaluation(loss.config), compiled=False)
    setup = evaluation.setups[0]
    main = results.find(setup.describe()) if results else None
    learned = main.shown if main else None
    if results is None or main is None or learned is None or learned.comparison is None:
        raise ConfigError(
            f"the card in {folder} has no measurement of {setup}, the first of its recipe. Train it anew."
        )
    with reproducible_compute():
        final = {method: runs.final for method, runs in replay_setup(loss, setup, evaluation, (learned, main.baseline))}
    now = float((final[learned] - final[main.baseline]).mean())
    return HeadlineReport(results.metric.name, str(main.baseline), learned.comparison, now, evaluation.seeds)


def _recipe_of(loss: LearnedLoss, name: str | Path, recipe: str | None) -> Recipe:
    """The recipe that is given, else the one of ml3zoo's own that the loss names."""
    made_by = loss.config.provenance.recipe if loss.config.provenance else None
    if recipe is None and made_by not in list_recipes():
        raise UnknownNameError(
            f"{name} was made by recipe {made_by!r}, which is none of ml3zoo's; only the recipe knows how it was "
            "measured. Read that file, then run: ml3zoo bench NAME --recipe ./my_recipe.py"
        )
    return find_recipe(recipe or str(made_by))


def _initial(loss: LearnedLoss, recipe: Recipe, *, quick: bool) -> LearnedLoss | None:
    """What meta-training started from; None if nothing, or if it takes minutes to make and time is short."""
    if recipe.training is None or (quick and recipe.initialisation):
        return None
    provenance = loss.config.provenance
    return recipe.initial_loss(provenance.seed if provenance else 0).requires_grad_(False)


def _replayed(
    loss: LearnedLoss, evaluation: Evaluation, card: SetupResult, initial: LearnedLoss | None
) -> Iterator[Row]:
    """The rows of the first setup, on the tasks of one seed."""
    setup, plain = evaluation.setups[0], dataclasses.replace(evaluation, compiled=False)
    for method, runs in replay_setup(loss, setup, plain, card.methods, initial):
        now = bootstrap(runs.final)
        yield Row(str(setup), str(method), method.objective.mean, now.mean, replay_spread(now, method, evaluation))


def replay_spread(now: Interval, method: MethodResult, evaluation: Evaluation) -> float:
    """Half the 95 % interval of a mean over one seed's tasks.

    Runs that all end alike have no spread: the card's runs then say how far so many may lie off.
    """
    return max(_half_width(now), math.sqrt(evaluation.seeds) * _half_width(method.objective))


def _half_width(interval: Interval) -> float:
    return (interval.high - interval.low) / 2


def _compared(now: Results, card: Results | None) -> Iterator[Row]:
    """The rows of all setups that were measured."""
    for measured in now.setups:
        known = card.find(measured.setup) if card else None
        objectives = {_key(method): method.objective.mean for method in known.methods} if known else {}
        for method in measured.methods:
            said = objectives.get(_key(method))
            yield Row(str(measured.setup), str(method), said, method.objective.mean)


def _key(method: MethodResult) -> tuple[str, str, str]:
    """What a method is, whatever it reached."""
    return method.role, method.use, method.name

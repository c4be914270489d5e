"""Recomputing a card's numbers and telling where they differ."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml3zoo.errors import UnknownNameError
from ml3zoo.evaluate import Evaluation, bootstrap, evaluate, replay_setup
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.recipe.recipe import find_recipe, list_recipes, quick_evaluation
from ml3zoo.zoo.names import resolve
from ml3zoo.zoo.results import read_results
from ml3zoo.zoo.store import read_loss

TOLERANCE = 0.02
"""Relative difference up to which a number counts as reproduced: other machines round differently."""
_SPREADS = 1.5
"""How many 95 % intervals a mean over some of the tasks may lie off the mean over all."""


@dataclass(frozen=True)
class Row:
    """One method in one setup: what the card says and what was measured now.

    ``spread``: half the 95 % interval that a measurement on some of the card's tasks has; 0 on all of them.
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
    """All rows of a bench."""

    rows: tuple[Row, ...]

    @property
    def verdict(self) -> str:
        """One sentence."""
        compared = [row for row in self.rows if row.card is not None]
        if not compared:
            return "The loss has no card to compare with."
        some = any(row.spread for row in compared)
        wrong = [row for row in compared if row.differs]
        if not wrong:
            within = "on some of its tasks, within their spread" if some else f"within {TOLERANCE:.0%}"
            return f"All {len(compared)} numbers of the card are reproduced {within}."
        told = "; ".join(f"{row.method} on {row.setup}: {row.card:.3f} in the card, {row.now:.3f} now" for row in wrong)
        return f"{len(wrong)} of {len(compared)} numbers differ: {told}"

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
        quick: the first setup alone, on the tasks of one seed, every method as it was tuned for the card. What the
            loss was before meta-training is left out if that takes a start of its own, such as imitation.

    Raises:
        UnknownNameError: the loss, or the recipe it names, is unknown.
    """
    folder = resolve(name)
    loss = read_loss(folder)
    provenance = loss.config.provenance
    made_by = provenance.recipe if provenance else None
    if recipe is None and made_by not in list_recipes():
        raise UnknownNameError(
            f"{name} was made by recipe {made_by!r}, which is none of ml3zoo's; only the recipe knows how it was "
            "measured. Read that file, then run: ml3zoo bench NAME --recipe ./my_recipe.py"
        )
    found = find_recipe(recipe or str(made_by))
    evaluation = found.evaluation(loss.config)
    card = {setup["name"]: setup for setup in read_results(folder).get("setups", [])}
    with reproducible_compute():
        initial = None
        if not (quick and found.initialisation):
            initial = found.initial_loss(provenance.seed if provenance else 0).requires_grad_(False)
        if quick and str(evaluation.setups[0]) in card:
            return BenchReport(tuple(_replayed(loss, evaluation, card, initial)))
        now = evaluate(loss, quick_evaluation(evaluation) if quick else evaluation, initial)
    return BenchReport(tuple(_compared(now, card)))


def _replayed(
    loss: LearnedLoss, evaluation: Evaluation, card: dict[str, Any], initial: LearnedLoss | None
) -> Iterator[Row]:
    """The rows of the first setup, on the tasks of one seed.

    Runs that all end alike have no spread: that of the card's runs tells how far so many may lie off.
    """
    setup = evaluation.setups[0]
    measured = card[str(setup)]
    compiled = dataclasses.replace(evaluation, compiled=False)
    for name, runs in replay_setup(loss, setup, compiled, measured, initial).items():
        found, said = bootstrap(runs.final), measured["methods"][name]["objective"]
        spread = max(_half_width(found), evaluation.seeds**0.5 * _half_width(said))
        yield Row(str(setup), name, said["mean"], found["mean"], spread)


def _half_width(interval: dict[str, float]) -> float:
    return (interval["high"] - interval["low"]) / 2


def _compared(now: dict[str, Any], card: dict[str, Any]) -> Iterator[Row]:
    """The rows of all setups that were measured."""
    for setup in now["setups"]:
        known = card.get(setup["name"], {"methods": {}})["methods"]
        for name, entry in setup["methods"].items():
            said = known[name]["objective"]["mean"] if name in known else None
            yield Row(setup["name"], name, said, entry["objective"]["mean"])

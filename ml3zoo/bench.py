"""Recomputing a card's numbers and telling where they differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml3zoo.errors import UnknownNameError
from ml3zoo.evaluate import evaluate
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.recipe import find_recipe, list_recipes, quick_evaluation
from ml3zoo.store import read_loss
from ml3zoo.zoo import read_results, resolve

TOLERANCE = 0.02
"""Relative difference up to which a number counts as reproduced: other machines round differently."""


@dataclass(frozen=True)
class Row:
    """One contender in one cell: what the card says and what was measured now."""

    cell: str
    contender: str
    card: float | None
    now: float

    @property
    def differs(self) -> bool:
        """Whether card and measurement disagree."""
        return self.card is not None and abs(self.now - self.card) > TOLERANCE * abs(self.card)


@dataclass(frozen=True)
class BenchReport:
    """All rows of a bench."""

    rows: tuple[Row, ...]

    @property
    def verdict(self) -> str:
        """One sentence."""
        compared = [row for row in self.rows if row.card is not None]
        if not compared:
            return "A quick bench uses few tasks: nothing to compare with the card."
        wrong = [row for row in compared if row.differs]
        if not wrong:
            return f"All {len(compared)} numbers of the card are reproduced within {TOLERANCE:.0%}."
        told = "; ".join(
            f"{row.contender} on {row.cell}: {row.card:.3f} in the card, {row.now:.3f} now" for row in wrong
        )
        return f"{len(wrong)} of {len(compared)} numbers differ: {told}"

    def lines(self) -> list[str]:
        """The table, a line per row."""
        width = max(len(row.contender) for row in self.rows)
        lines, cell = [], None
        for row in self.rows:
            if row.cell != cell:
                cell = row.cell
                lines.append(cell)
            card = "" if row.card is None else f"  card {row.card:.4f}{'  DIFFERS' if row.differs else ''}"
            lines.append(f"  {row.contender:<{width}}  {row.now:.4f}{card}")
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
        quick: the first cell alone with few tasks; nothing is compared with the card.

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
    untrained = found.fresh_loss(provenance.seed if provenance else 0).requires_grad_(False)
    with reproducible_compute():
        now = evaluate(loss, quick_evaluation(evaluation) if quick else evaluation, untrained)
    card = {} if quick else {cell["name"]: cell["contenders"] for cell in read_results(folder).get("cells", [])}
    rows = [
        Row(
            cell["name"],
            contender,
            _mean(card.get(cell["name"], {}).get(contender)),
            entry["objective"]["mean"],
        )
        for cell in now["cells"]
        for contender, entry in cell["contenders"].items()
    ]
    return BenchReport(tuple(rows))


def _mean(entry: dict[str, Any] | None) -> float | None:
    return None if entry is None else float(entry["objective"]["mean"])

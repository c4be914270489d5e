"""``ml3zoo bench`` of a whole card: the full path, on a small protocol."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml3zoo.format.results import read_results, write_results
from ml3zoo.recipe import find_recipe
from ml3zoo.recipe.bench import rerun
from ml3zoo.zoo.store import read_loss, seal

TINY = Path(__file__).parents[1] / "data" / "tiny_recipe.py"
SMALL = f"{TINY.read_text(encoding='utf-8')}RECIPE = RECIPE.quick()\n"


@pytest.fixture
def card(tmp_path):
    """A card of a small protocol, and the recipe it was measured by."""
    path = tmp_path / "small.py"
    path.write_text(SMALL)
    return find_recipe(str(path)).run(tmp_path / "card"), path


@pytest.mark.slow
def test_the_whole_bench_tells_what_differs(card):
    folder, recipe = card
    report = rerun(folder, recipe=str(recipe))
    assert not report.differs, report.verdict
    assert {row.method for row in report.rows} >= {"learned, recommended", "learned, tuned", "initial loss", "MSE"}
    loss, results = read_loss(folder), read_results(folder)
    main = results.setups[0]
    better = main.baseline.replace(objective=main.baseline.objective.replace(mean=main.baseline.objective.mean / 2))
    methods = tuple(better if method.selected else method for method in main.methods)
    write_results(results.replace(setups=(main.replace(methods=methods),)), folder)
    seal(folder, loss.config)
    changed = rerun(folder, recipe=str(recipe))
    assert [row.method for row in changed.rows if row.differs] == [str(main.baseline)]
    assert changed.differs
    assert str(main.baseline) in changed.verdict

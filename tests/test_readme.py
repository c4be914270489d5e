from __future__ import annotations

import re
from pathlib import Path

from tests.command import ml3zoo

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_python_example_runs_and_learns():
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert example
    scope: dict = {}
    exec(example[1], scope)
    error = (scope["model"](scope["x"]) - scope["y"]).square().mean()
    assert error < 0.8 * scope["y"].square().mean()


def test_the_acting_example_runs(capsys):
    example = next(block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "roll_out" in block)
    exec(example, {})
    assert float(capsys.readouterr().out.removeprefix("m from the goal:")) < 0.1


def test_the_zoos_table_is_what_the_cards_say():
    table = re.search(r"<!-- zoo: .*? -->\n(.*?)<!-- end of zoo -->", README, re.DOTALL)
    assert table
    assert table[1] == ml3zoo("list", "--markdown").stdout


def test_the_tree_names_every_module():
    for path in (ROOT / "ml3zoo").glob("*.py"):
        assert path.stem == "__init__" or f"ml3zoo/{path.name}" in README

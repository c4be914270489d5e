"""README against what is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import ml3zoo as package
from tests.command import ml3zoo

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
SHORT_PATHS = {"ml3zoo", "ml3zoo.recipe"}
"""What README's examples may import from."""


def drawn_rooms(text: str) -> list[str]:
    """Names of what a drawn tree puts directly into ``ml3zoo/``, in its order; empty if there is no tree.

    A tree is a block with the line ``ml3zoo/`` (a description may follow); a room begins a line one level deeper. Or
    every line begins with ``ml3zoo/room/`` or ``ml3zoo/module.py``.
    """
    lines = [re.sub(r"[│├└─]", " ", line) for line in text.splitlines()]
    for start, line in enumerate(lines):
        if not re.match(r"\s*ml3zoo/\s*($|\s{2,}|#)", line):
            continue
        outer = len(line) - len(line.lstrip())
        inner = None
        rooms: list[str] = []
        for below in lines[start + 1 :]:
            depth = len(below) - len(below.lstrip())
            if not below.strip() or depth <= outer:
                break
            inner = depth if inner is None else inner
            if depth == inner:
                rooms += re.findall(r"(?:^|(?<=\s))(\w+\.py\b|\w+/|py\.typed\b)(?=\s|;|,|$)", below.strip())[:1]
        return rooms
    return re.findall(r"^\s*ml3zoo/(\w+(?:/|\.py))(?=\s)", text, re.MULTILINE)


def imported(code: str) -> set[str]:
    """Modules of ml3zoo that code imports from."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] == "ml3zoo"}


def test_the_python_example_runs_and_learns():
    scope: dict = {}
    exec(EXAMPLES[0], scope)
    error = (scope["model"](scope["x"]) - scope["y"]).square().mean()
    assert error < 0.8 * scope["y"].square().mean()


def test_the_acting_example_runs(capsys):
    example = next(block for block in EXAMPLES if "roll_out" in block)
    exec(example, {})
    assert float(capsys.readouterr().out.removeprefix("m from the goal:")) < 0.1


def test_the_zoos_table_is_what_the_cards_say():
    table = re.search(r"<!-- zoo: .*? -->\n(.*?)<!-- end of zoo -->", README, re.DOTALL)
    assert table
    assert table[1] == ml3zoo("list", "--markdown").stdout


def test_the_drawn_tree_has_exactly_the_rooms_that_there_are():
    paths = (ROOT / "ml3zoo").iterdir()
    rooms = [f"{path.name}/" for path in paths if (path / "__init__.py").is_file()]
    modules = [path.name for path in (ROOT / "ml3zoo").glob("*.py") if not path.name.startswith("__")]
    drawn = [room for room in drawn_rooms(README) if not room.startswith("__")]
    assert sorted(drawn) == sorted(rooms + modules)


@pytest.mark.parametrize(
    "tree",
    [
        "    ml3zoo/\n      __init__.py   names\n      apply/        table/ and environment/\n        table/      x\n"
        "      errors.py   e\n    cli/  verbs",
        "```text\nml3zoo/             the package\n├── __init__.py     names\n├── apply/          a\n"
        "│   └── table/     x\n"
        "└── errors.py       e\ncli/     verbs\n```",
        "    ml3zoo/__init__.py   names\n    ml3zoo/apply/    a\n    ml3zoo/errors.py   e\n    cli/  verbs",
    ],
)
def test_a_drawn_tree_is_read(tree):
    assert drawn_rooms(f"# ml3zoo\n\n{tree}\n") == ["__init__.py", "apply/", "errors.py"]


def test_examples_import_from_short_public_paths():
    paths = set().union(*map(imported, EXAMPLES))
    assert "ml3zoo" in paths
    assert paths <= SHORT_PATHS
    for example in EXAMPLES:
        for names in re.findall(r"^from ml3zoo import (.+)$", example, re.MULTILINE):
            assert {name.strip() for name in names.split(",")} <= set(package.__all__)

"""README against what is there."""

from __future__ import annotations

import ast
import re

import pandas as pd
import pytest

import ml3zoo as package
from tests.command import ml3zoo
from tests.data.wrong_labels import FOLDER, tables
from tests.pages import PAGES, ROOT, blocks

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = [block.code for block in blocks(ROOT / "README.md") if block.language == "python"]
SHORT_PATHS = {"ml3zoo", "ml3zoo.recipe"}
"""What README's examples may import from."""
MOST_WORDS = 700


def imported(code: str) -> set[str]:
    """Modules of ml3zoo that code imports from."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] == "ml3zoo"}


def test_it_is_read_in_a_minute():
    assert len(README.split()) <= MOST_WORDS


def test_the_example_wins_by_what_it_says(monkeypatch, capsys):
    (example,) = EXAMPLES
    monkeypatch.chdir(ROOT)
    exec(example, {})
    ordinary, learned = (float(line.split("%")[0]) for line in capsys.readouterr().out.splitlines())
    said = [float(number) for number in re.findall(r"(\d+)%", example.rpartition("# ")[2])]
    assert learned < 0.65 * ordinary
    assert (ordinary, learned) == pytest.approx(said, abs=2)  # other machines round differently


@pytest.mark.parametrize("name", ["digits_wrong.csv", "digits_right.csv"])
def test_the_tables_of_digits_are_what_their_script_makes(name):
    pd.testing.assert_frame_equal(pd.read_csv(FOLDER / name), tables()[name])


@pytest.mark.parametrize("page", ["README.md", "docs/choose.md"])
def test_tables_of_the_zoo_are_what_the_cards_say(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    tables = re.findall(r"<!-- zoo: ml3zoo (.*?) -->\n(.*?)<!-- end of zoo -->", text, re.DOTALL)
    assert tables
    for command, table in tables:
        assert table == ml3zoo(*command.split()).stdout.replace("](cards/", f"]({'../' * page.count('/')}cards/")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_house_has_exactly_the_rooms_that_there_are():
    house = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
    drawn = set(re.findall(r"^\| `ml3zoo/(\w+(?:/|\.py))` \|", house, re.MULTILINE))
    rooms = {f"{path.name}/" for path in (ROOT / "ml3zoo").iterdir() if (path / "__init__.py").is_file()}
    assert drawn == rooms | {path.name for path in (ROOT / "ml3zoo").glob("[!_]*.py")}


def test_examples_import_from_short_public_paths():
    paths = set().union(*map(imported, EXAMPLES))
    assert "ml3zoo" in paths
    assert paths <= SHORT_PATHS
    for example in EXAMPLES:
        for names in re.findall(r"^from ml3zoo import (.+)$", example, re.MULTILINE):
            assert {name.strip() for name in names.split(",")} <= set(package.__all__)

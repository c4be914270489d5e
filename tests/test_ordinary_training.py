"""Tables of docs/ordinary_training.md against the cards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "ordinary_training.md").read_text(encoding="utf-8")
TABLES = dict(re.findall(r"<!-- measured: ([\w-]+) -->\n(.*?)<!-- end of measured -->", PAGE, re.DOTALL))


@pytest.mark.parametrize("name", ["label-noise", "classification", "long-tail", "outlier-regression"])
def test_a_table_is_the_cards(name):
    card = (ROOT / "cards" / name / "README.md").read_text(encoding="utf-8")
    measured = card.partition("<summary>All losses, swapped in and tuned</summary>\n")[2]
    assert re.search(r"\n((?:\|.*\n)+)", measured)[1] == TABLES[name]

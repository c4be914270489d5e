"""Tables that benchmarks write into the docs."""

from __future__ import annotations

import re

import pytest

from tests.benchmarks import page
from tests.benchmarks.page import publish, replaced, table

TABLE = table(["loss", "error"], [["**label-noise**", "0.1 / 0.2"]])


def test_a_table_takes_the_place_of_the_one_at_its_mark():
    end = "<!-- end of benchmark -->\n"
    text = f"a\n<!-- benchmark: x -->\nold\n{end}<!-- benchmark: y -->\n{end}"
    assert replaced(text, "x", "new\n") == text.replace("old", "new")
    assert replaced(text, "y", "\\1\n") == text.replace("y -->\n", "y -->\n\\1\n")
    with pytest.raises(ValueError, match="0 marks"):
        replaced(text, "z", "new\n")


def test_only_a_full_run_writes(monkeypatch, tmp_path, capsys):
    copy = tmp_path / "page.md"
    copy.write_text(page.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", copy)
    publish("accuracy", TABLE, write=False)
    assert "0.1 / 0.2" not in copy.read_text(encoding="utf-8")
    publish("accuracy", TABLE, write=True)
    assert "| loss | error |\n|---|---|\n| **label-noise** | 0.1 / 0.2 |\n" in copy.read_text(encoding="utf-8")
    assert "accuracy" in capsys.readouterr().out


def test_every_mark_has_a_table_and_names_the_command_that_makes_it():
    text = page.PAGE.read_text(encoding="utf-8")
    marks = re.findall(r"<!-- benchmark: ((\w+)[^>]*?) -->\n\|.*?<!-- end of benchmark -->", text, re.DOTALL)
    assert len(marks) == text.count("<!-- benchmark: ") == 4
    assert all(f"python -m tests.benchmarks {benchmark}`" in text for _, benchmark in marks)

"""The Python of docs/loops.md and docs/policy_gradients.md, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "loops.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=["resume", "micro-batches"])
def test_a_block_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(PAGE), "exec"), {})
    assert "print" not in code or capsys.readouterr().out == "0.5\n"


def test_a_policy_learns_in_a_loop_of_its_own():
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "policy_gradients.md").read_text(encoding="utf-8"), re.DOTALL)
    scope: dict = {}
    exec(code, scope)
    lengths = scope["lengths"]
    assert sum(lengths[-5:]) > 3 * sum(lengths[:5])

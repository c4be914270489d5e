"""The Python of the pages in docs, word for word; frameworks have tests of their own."""

from __future__ import annotations

import pytest

from tests.pages import PAGES, blocks

RUN = [
    pytest.param(block.code, id=f"{page.stem}-{number}")
    for page in PAGES
    if page.parent.name == "docs"
    for number, block in enumerate(blocks(page))
    if block.language == "python" and not block.mark and "hf://org/name" not in block.code
]
"""All but recipes, which are marked by the names of their files, and names that stand for others."""


def test_there_are_blocks():
    assert {each.id.partition("-")[0] for each in RUN} == {"environments", "loops", "policy_gradients", "use"}


@pytest.mark.parametrize("code", RUN)
def test_a_block_runs_and_does_what_its_page_says(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scope: dict = {}
    exec(compile(code, "docs", "exec"), scope)
    shown = capsys.readouterr().out
    if "loss.progress" in code:
        assert shown == "0.5\n"
    if "m from the goal" in code:
        assert float(shown.removeprefix("m from the goal:")) < 0.1
    if "torch.sin" in code:
        error = (scope["model"](scope["x"]) - scope["y"]).square().mean()
        assert error < 0.8 * scope["y"].square().mean()
    if "lengths" in scope:
        assert sum(scope["lengths"][-5:]) > 3 * sum(scope["lengths"][:5])

"""The Python of the pages in docs, word for word; frameworks have tests of their own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.families import example_loss
from tests.pages import PAGES, blocks, marked

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


def test_a_single_file_update_follows_a_learned_objective():
    """Actions that were better than expected become likelier, and the clock counts the steps."""
    scope: dict = {}
    exec(marked("update of a single file"), scope)
    torch.manual_seed(0)
    agent = nn.Linear(3, 3)
    policy = lambda x: (torch.distributions.Normal(agent(x)[:, :2], 0.5), agent(x)[:, 2:])  # noqa: E731
    policy.parameters = agent.parameters
    obs = torch.randn(128, 3)
    with torch.no_grad():
        actions = policy(obs)[0].sample()
        logprobs = policy(obs)[0].log_prob(actions).sum(-1)
    better = actions.sum(-1)
    loss = example_loss("symbolic-policy_gradient")
    loss.total_steps = 2 * 2
    optimizer = torch.optim.Adam(agent.parameters(), lr=1e-2)
    scope["update"](policy, optimizer, loss, obs, actions, logprobs, better, torch.zeros(128), epochs=2)
    with torch.no_grad():
        moved = policy(obs)[0].log_prob(actions).sum(-1) - logprobs
    assert torch.corrcoef(torch.stack([moved, better]))[0, 1] > 0.5
    assert loss.progress == 1.0

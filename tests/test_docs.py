"""The Python of docs/loops.md and docs/policy_gradients.md, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.families import example_loss

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "loops.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("code", BLOCKS, ids=["resume", "micro-batches"])
def test_a_block_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(PAGE), "exec"), {})
    assert "print" not in code or capsys.readouterr().out == "0.5\n"


LOOPS = re.findall(r"```python\n(.*?)```", (DOCS / "policy_gradients.md").read_text(encoding="utf-8"), re.DOTALL)


def test_a_policy_learns_in_a_loop_of_its_own():
    scope: dict = {}
    exec(LOOPS[0], scope)
    lengths = scope["lengths"]
    assert sum(lengths[-5:]) > 3 * sum(lengths[:5])


def test_a_single_file_update_follows_a_learned_objective():
    """Actions that were better than expected become likelier, and the clock counts the steps."""
    scope: dict = {}
    exec(LOOPS[1], scope)
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

"""Would a learned policy objective help my agents? PPO under it beside PPO itself, all else the same."""

from __future__ import annotations

from ml3zoo.apply.agents.apply import apply_to_agents
from ml3zoo.apply.agents.report import AgentsReport

__all__ = ["AgentsReport", "apply_to_agents"]

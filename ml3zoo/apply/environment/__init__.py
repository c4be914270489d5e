"""Would a learned loss help in my environment? Compared with a policy gradient and a random search of equal cost."""

from __future__ import annotations

from ml3zoo.apply.environment.apply import POLICY, apply_in_environment
from ml3zoo.apply.environment.report import EnvironmentReport

__all__ = ["POLICY", "EnvironmentReport", "apply_in_environment"]

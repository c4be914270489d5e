"""Moments of a training, kept to be pictured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ml3zoo.apply.environment.policies import Policies
from ml3zoo.tasks.control.rollouts import Rollouts

_DRAWN = (0, 2, 5)


class Snapshot(NamedTuple):
    """Policies as they were, the number of an episode, and how they did in it."""

    policies: Policies
    episode: int
    rolled: Rollouts


@dataclass(frozen=True)
class Recorder:
    """What is kept of a training, by number of gradient steps env_steps.

    Attributes:
        steps: gradient steps in all.
        snapshots: those that are pictured.
    """

    steps: int
    snapshots: dict[int, Snapshot] = field(default_factory=dict)

    def keep(self, step: int, snapshot: Snapshot) -> None:
        """Keep a snapshot if it is to be pictured."""
        if step in {*_DRAWN, self.steps // 2, self.steps}:
            self.snapshots[step] = snapshot._replace(policies=snapshot.policies.copied())

    @property
    def drawn(self) -> dict[int, Snapshot]:
        """The first ones and the last."""
        return {step: self.snapshots[step] for step in sorted({*_DRAWN, self.steps}) if step <= self.steps}

    @property
    def filmed(self) -> dict[int, Snapshot]:
        """Before, midway and after."""
        return {step: self.snapshots[step] for step in sorted({0, self.steps // 2, self.steps})}

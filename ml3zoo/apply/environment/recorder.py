"""Snapshots of a training, saved for its pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ml3zoo.apply.environment.policies import Policies
from ml3zoo.tasks.control.rollouts import Rollouts

_DRAWN = (0, 2, 5)


class Snapshot(NamedTuple):
    """Policies at one moment, and what they did in an episode, by its number."""

    policies: Policies
    episode: int
    rollouts: Rollouts


@dataclass(frozen=True)
class Recorder:
    """Saves the snapshots of a training that are drawn or filmed.

    Attributes:
        steps: gradient steps in all.
        snapshots: saved so far, by number of gradient steps.
    """

    steps: int
    snapshots: dict[int, Snapshot] = field(default_factory=dict)

    def record(self, step: int, snapshot: Snapshot) -> None:
        """Save a snapshot if it is drawn or filmed."""
        if step in {*_DRAWN, self.steps // 2, self.steps}:
            self.snapshots[step] = snapshot._replace(policies=snapshot.policies.copy())

    @property
    def drawn(self) -> dict[int, Snapshot]:
        """From the first steps, and the last."""
        return {step: self.snapshots[step] for step in sorted({*_DRAWN, self.steps}) if step <= self.steps}

    @property
    def filmed(self) -> dict[int, Snapshot]:
        """Before, midway and after training."""
        return {step: self.snapshots[step] for step in sorted({0, self.steps // 2, self.steps})}

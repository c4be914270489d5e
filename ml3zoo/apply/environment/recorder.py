"""Moments of a training, kept to be pictured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ml3zoo.apply.environment.policies import Policies
from ml3zoo.tasks.control.rollouts import Rollouts

_DRAWN = (0, 2, 5)


class Moment(NamedTuple):
    """Policies as they were, the number of an episode, and how they did in it."""

    policies: Policies
    episode: int
    rolled: Rollouts


@dataclass(frozen=True)
class Tape:
    """What is kept of a training, by number of gradient steps taken.

    Attributes:
        steps: gradient steps in all.
        moments: those that are pictured.
    """

    steps: int
    moments: dict[int, Moment] = field(default_factory=dict)

    def keep(self, step: int, moment: Moment) -> None:
        """Keep a moment if it is to be pictured."""
        if step in {*_DRAWN, self.steps // 2, self.steps}:
            self.moments[step] = moment._replace(policies=moment.policies.copied())

    @property
    def drawn(self) -> dict[int, Moment]:
        """The first ones and the last."""
        return {step: self.moments[step] for step in sorted({*_DRAWN, self.steps}) if step <= self.steps}

    @property
    def filmed(self) -> dict[int, Moment]:
        """Before, midway and after."""
        return {step: self.moments[step] for step in sorted({0, self.steps // 2, self.steps})}

"""What a comparison in an environment found, as numbers and as text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from ml3zoo.apply.environment.baselines import GRID, PolicyGradient
from ml3zoo.apply.environment.training import PolicyOutcome
from ml3zoo.apply.figures import mean_and_spread
from ml3zoo.apply.table.report import LAYERS
from ml3zoo.format.environment import AffineScales
from ml3zoo.tasks.optimizees import MLP

LEARNED, REINFORCE, SEARCH = "learned loss", "REINFORCE", "random search"
WEIGHTS = "policy.safetensors"
_HOW_TO_USE = (
    f"{WEIGHTS} {LAYERS} Its inputs are the numbers observed, each (value - shift) / scale; its outputs are the "
    "action, to be clipped to the environment's range."
)
_HOW_TO_START = " It learned one start: environment.reset(seed=start)."


@dataclass(frozen=True)
class EnvironmentMethod:
    """One way to come by policies.

    Attributes:
        label: what it is called.
        success: share of episodes that ended at the goal.
        returns: sum of rewards of an episode, ``{"mean", "std"}`` over seeds.
        distance: from the goal at its end, the same; None if the loss's world does not tell.
        environment_steps: that a policy took to come about, mean over seeds.
    """

    label: str
    success: float
    returns: dict[str, float | None]
    distance: dict[str, float | None] | None
    environment_steps: float

    @classmethod
    def of(cls, outcome: PolicyOutcome) -> EnvironmentMethod:
        """Means and standard deviations of what became of a method's policies."""
        distance = None if outcome.distances is None else mean_and_spread(outcome.distances)
        return cls(
            outcome.label,
            float(outcome.successes.mean()),
            mean_and_spread(outcome.returns),
            distance,
            float(outcome.env_steps.mean()),
        )

    def setups(self) -> tuple[str, ...]:
        """A row of the table."""
        distance = () if self.distance is None else (_shown(self.distance),)
        return self.label, f"{self.success:.0%}", _shown(self.returns), *distance, f"{self.environment_steps:.0f}"


@dataclass(frozen=True)
class PolicyReport:
    """The policy that was kept, the best of those trained under the learned loss.

    Attributes:
        start: what the environment is reset with, if the policy learned one start.
    """

    how_to_use: str
    sizes: tuple[int, ...]
    activation: str
    sees: list[dict[str, float]]
    start: int | None

    @classmethod
    def of(cls, network: MLP, sees: AffineScales, start: int | None) -> PolicyReport:
        """A policy's network, what it sees, and its start."""
        how_to_use = _HOW_TO_USE + ("" if start is None else _HOW_TO_START)
        return cls(how_to_use, network.sizes, network.activation, msgspec.to_builtins(sees), start)


@dataclass(frozen=True)
class EnvironmentReport:
    """What ``apply_in_environment`` found.

    Attributes:
        environment: its id.
        episode_steps: of an episode, at most: as many as the loss was made for.
        own_limit: the environment's own limit, None if it has none.
        success: what counts as one.
        starts: from where a policy was trained and judged.
        optimizer: of the learned loss, with its recommended rate ``lr``.
        tuned: the policy gradient's learning rate and noise.
        baseline: label of the method that the learned loss is compared with.
        difference: of the distances from the goal, or of the returns where a distance is not told, paired over seeds,
            with its 95 % t interval.
        film: how ``trajectories.gif`` came about, if it was asked for.
    """

    name: str
    environment: str
    episode_steps: int
    own_limit: int | None
    success: str
    starts: str
    network: str
    steps: int
    seeds: int
    optimizer: str
    lr: float
    tuned: PolicyGradient
    methods: tuple[EnvironmentMethod, ...]
    baseline: str
    difference: dict[str, float | None]
    verdict: str
    policy: PolicyReport
    film: str | None

    def lines(self) -> list[str]:
        """The report as text, a line each."""
        limit = self.own_limit or "none"
        cut = "" if self.own_limit == self.episode_steps else f" (the loss's limit; the environment's own: {limit})"
        many = f"{self.steps} gradient step{'s' if self.steps > 1 else ''}"
        return [
            f"{self.environment}, episodes of up to {self.episode_steps} steps{cut} from {self.starts}",
            f"{self.network}, {many} of {self.optimizer} (lr {self.lr:g}), an episode each; "
            f"{self.seeds} seeds, judged without noise:",
            *_table([self._head(), *(method.setups() for method in self.methods)]),
            f"success: {self.success}; ±: standard deviation over seeds; steps: of the environment, to come by one "
            "policy.",
            f"{REINFORCE}: a policy gradient; lr {self.tuned.lr:g} and noise {self.tuned.noise:g} are the best of "
            f"{len(GRID)} pairs on {self.seeds} other seeds, whose steps are not counted.",
            f"{SEARCH}: the best of {self.steps + 1} fresh policies, an episode each.",
            self.verdict,
            *([] if self.film is None else [f"trajectories.gif: {self.film}."]),
        ]

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    def _head(self) -> tuple[str, ...]:
        distance = () if self.methods[0].distance is None else ("distance",)
        return "", "success", "return", *distance, "steps"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(setup.ljust(width) for setup, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _shown(value: dict[str, float | None]) -> str:
    mean, std = value["mean"], value["std"]
    assert mean is not None
    assert std is not None
    return f"{mean:.3g} ± {std:.2g}" if abs(mean) < 1000 else f"{mean:.0f} ± {std:.0f}"

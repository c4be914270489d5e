"""What a comparison of agents found, as numbers and as text."""

from __future__ import annotations

from dataclasses import dataclass

from ml3zoo.apply.agents.comparison import SHARES, AgentComparison, Returns
from ml3zoo.apply.agents.settings import HyperParameters
from ml3zoo.apply.figures import json_number
from ml3zoo.apply.report import Report
from ml3zoo.apply.verdict import Difference, MetricFormat, verdict
from ml3zoo.apply.wording import aligned, counted, grouped
from ml3zoo.evaluate.statistics import Estimate

AGENTS = "agents"
"""Folder of the agents in a saved report."""
ENOUGH = 6
"""Seeds from which on a bootstrap interval without 0 is no accident: with fewer, all agents agree too often."""
_METRIC = MetricFormat(metric="return in the last tenth of training", better="higher")


@dataclass(frozen=True)
class Interval:
    """An interquartile mean over seeds and its 95 % bootstrap interval; None where it is not reached in training."""

    value: float | None
    low: float | None
    high: float | None

    @classmethod
    def of(cls, estimate: Estimate) -> Interval:
        """Of an estimate."""
        return cls(*map(json_number, estimate))

    def __str__(self) -> str:
        ends = ("never" if end is None else f"{end:.4g}" for end in (self.low, self.high))
        return "never" if self.value is None else f"{self.value:.4g} [{', '.join(ends)}]"


@dataclass(frozen=True)
class AgentMethodReport:
    """One way to learn, and what came of it.

    Attributes:
        label: of the method.
        returns: of the episodes in the last tenth of training.
        steps_to_share: environment steps until 50, 80 and 95 % of PPO's way from the first tenth to the last.
        agents: folders of its agents, if they are saved.
    """

    label: str
    returns: Interval
    steps_to_share: tuple[Interval, ...]
    agents: tuple[str, ...]

    @classmethod
    def of(
        cls, label: str, comparison: AgentComparison, returns: Returns, agents: tuple[str, ...]
    ) -> AgentMethodReport:
        """One side of a comparison."""
        shares = tuple(Interval.of(comparison.steps_to(share, returns)) for share in SHARES)
        return cls(label, Interval.of(comparison.final(returns)), shares, agents)

    def row(self) -> tuple[str, ...]:
        """A row of the table."""
        return self.label, str(self.returns), *(_steps(one) for one in self.steps_to_share)


@dataclass(frozen=True, kw_only=True)
class AgentsReport(Report):
    """What ``apply_to_agents`` found; ``steps`` are of the environment.

    Attributes:
        environment: its id.
        seeds: agents of each method.
        library: what trained the agents.
        hyper: PPO's hyper-parameters that are not its defaults.
        normalise: whether observations and rewards were normalised.
        settings: the last two in words.
        methods: PPO, then the learned objective.
        how_to_use: from a saved agent to actions, in words.
        film: how ``agents.gif`` was made, if it was asked for.
    """

    environment: str
    seeds: int
    library: str
    hyper: HyperParameters
    normalise: bool
    settings: str
    methods: tuple[AgentMethodReport, ...]
    how_to_use: str
    film: str | None

    def lines(self) -> list[str]:
        """The report as text, a line each."""
        head = "", "return", *(f"{share:.0%}" for share in SHARES)
        return [
            f"{self.environment}, {counted(self.steps, 'step')} for each agent; PPO of {self.library} with "
            f"{self.settings}; {counted(self.seeds, 'seed')}, the same for both:",
            *aligned([*zip(head, *(method.row() for method in self.methods), strict=True)]),
            "return: mean of the episodes in the last tenth of training, interquartile mean over seeds [95 % bootstrap "
            "interval]; 50%, 80%, 95%: environment steps until that share of PPO's way from the first tenth to the "
            "last.",
            self.verdict,
            *([] if self.film is None else [f"agents.gif: {self.film}."]),
        ]


def verdict_of(name: str, baseline: str, estimate: Estimate, seeds: int) -> tuple[Difference, str]:
    """The difference, and what it says: nothing certain where there are few seeds."""
    difference = Difference(*map(json_number, estimate))
    if seeds >= ENOUGH or difference.mean is None:
        return difference, verdict(name, baseline, difference, _METRIC, counted(seeds, "seed"))
    low, high = estimate.low, estimate.high
    interval = f" (95 % bootstrap interval {_METRIC.interval(low, high)})" if seeds > 1 else ""
    few = f"{seeds} seeds are too few for a verdict" if seeds > 1 else "one seed is too few for a verdict"
    found = f"{name} gives {_METRIC.amount(difference.mean, baseline)}{interval}"
    return difference, f"{found}; {few}: take {ENOUGH} or more."


def _steps(reached: Interval) -> str:
    return "never" if reached.value is None else grouped(reached.value)

"""What a comparison in an environment found, as numbers and as text."""

from __future__ import annotations

from dataclasses import dataclass

from ml3zoo.apply.environment.baselines import GRID, PolicyGradient
from ml3zoo.apply.environment.evaluation import EvaluatedPolicies
from ml3zoo.apply.figures import MeanStd
from ml3zoo.apply.report import Report
from ml3zoo.apply.saving import LAYERS
from ml3zoo.apply.wording import aligned, counted, grouped, shown
from ml3zoo.format.environment import AffineScales
from ml3zoo.tasks.optimizees import MLP

LEARNED, REINFORCE, SEARCH = "learned loss", "REINFORCE", "random search"
WEIGHTS = "policy.safetensors"
_HOW_TO_USE = (
    f"{WEIGHTS} {LAYERS} Its inputs are the numbers observed, each (value - shift) / scale by observation_normaliser; "
    "its outputs are the action, to be clipped to the environment's range."
)
_HOW_TO_START = " It learned one start: environment.reset(seed=start)."


@dataclass(frozen=True)
class EnvironmentMethodReport:
    """One way to train policies, and what came of it.

    Attributes:
        label: of the method.
        success: share of episodes that ended at the goal.
        returns: sum of an episode's rewards, over seeds.
        distance: from the goal at its end, over seeds; None if the loss's config does not say where that stands.
        env_steps: environment steps that training a policy cost, mean over seeds.
    """

    label: str
    success: float
    returns: MeanStd
    distance: MeanStd | None
    env_steps: float

    @classmethod
    def of(cls, policies: EvaluatedPolicies) -> EnvironmentMethodReport:
        """Means and standard deviations over a method's policies."""
        return cls(
            policies.label,
            float(policies.successes.mean()),
            MeanStd.of(policies.returns),
            None if policies.distances is None else MeanStd.of(policies.distances),
            float(policies.env_steps.mean()),
        )


@dataclass(frozen=True)
class PolicyReport:
    """The best policy trained under the learned loss: all that is needed, besides its weights, to act by it.

    Attributes:
        how_to_use: from an observation to an action, in words.
        sizes: of its layers.
        activation: between its layers.
        observation_normaliser: applied to each number observed.
        start: seed that the environment is reset with, if the policy learned one start.
    """

    how_to_use: str
    sizes: tuple[int, ...]
    activation: str
    observation_normaliser: AffineScales
    start: int | None

    @classmethod
    def of(cls, network: MLP, observation_normaliser: AffineScales, start: int | None) -> PolicyReport:
        """A policy's network, what it sees, and its start."""
        how_to_use = _HOW_TO_USE + ("" if start is None else _HOW_TO_START)
        return cls(how_to_use, network.sizes, network.activation, observation_normaliser, start)


@dataclass(frozen=True, kw_only=True)
class EnvironmentReport(Report):
    """What ``apply_in_environment`` found. The difference is of distances, or of returns where those are not known.

    Attributes:
        environment: its id.
        seeds: trainings per method.
        episode_steps: of an episode, at most: as many as the loss was made for.
        own_limit: the environment's own limit, None if it has none.
        success: what counts as one.
        starts: from where a policy was trained and evaluated.
        network: of a policy.
        lr: the loss's recommended learning rate.
        tuned: the policy gradient's learning rate and noise.
        methods: the learned loss, then its baselines.
        policy: the best one trained under the learned loss.
        film: how ``trajectories.gif`` was made, if it was asked for.
    """

    environment: str
    seeds: int
    episode_steps: int
    own_limit: int | None
    success: str
    starts: str
    network: str
    lr: float
    tuned: PolicyGradient
    methods: tuple[EnvironmentMethodReport, ...]
    policy: PolicyReport
    film: str | None

    def lines(self) -> list[str]:
        """The report as text, a line each."""
        limit = self.own_limit or "none"
        cut = "" if self.own_limit == self.episode_steps else f" (the loss's limit; the environment's own: {limit})"
        many = counted(self.steps, "gradient step")
        return [
            f"{self.environment}, episodes of up to {counted(self.episode_steps, 'step')}{cut} from {self.starts}",
            f"{self.network}, {many} of {self.optimizer} (lr {self.lr:g}), an episode each; "
            f"{counted(self.seeds, 'seed')}, evaluated without noise:",
            *self._table(),
            f"success: {self.success}; ±: standard deviation over seeds; steps: of the environment, to train one "
            "policy.",
            f"{REINFORCE}: a policy gradient; lr {self.tuned.lr:g} and noise {self.tuned.noise:g} are the best of "
            f"{len(GRID)} pairs on {self.seeds} other seeds, whose steps are not counted.",
            f"{SEARCH}: the best of {self.steps + 1} fresh policies, an episode each.",
            self.verdict,
            *([] if self.film is None else [f"trajectories.gif: {self.film}."]),
        ]

    def _table(self) -> list[str]:
        distances = [method.distance for method in self.methods]
        columns = [
            ("", *(method.label for method in self.methods)),
            ("success", *(f"{method.success:.0%}" for method in self.methods)),
            ("return", *shown([method.returns for method in self.methods])),
            ("distance", *shown(distances)),
            ("steps", *(grouped(method.env_steps) for method in self.methods)),
        ]
        return aligned([column for column in columns if any(column[1:])])

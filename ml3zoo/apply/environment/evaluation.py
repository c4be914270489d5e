"""How good trained policies are, and how those of different methods compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ml3zoo.apply.environment.evaluator import Evaluator
from ml3zoo.apply.environment.policies import Policies
from ml3zoo.apply.environment.recorder import Snapshot
from ml3zoo.apply.environment.training import TrainedPolicies
from ml3zoo.apply.figures import Array
from ml3zoo.apply.verdict import MetricFormat

_RETURN = MetricFormat(metric="return", better="higher")
_DISTANCE = MetricFormat(metric="distance from the goal")


def evaluate(policies: Policies, evaluator: Evaluator, episodes: int) -> Snapshot:
    """One more episode, without noise, of policies trained for so many episodes, or one more."""
    return Snapshot(policies, episodes + 1, evaluator.roll_out(policies, episodes + 1))


@dataclass(frozen=True)
class EvaluatedPolicies:
    """A method's policies and how they did in one more episode, without noise.

    Attributes:
        label: of the method.
        snapshot: the policies and that episode.
        env_steps: environment steps that training each of them cost, [policies].
        returns: sum of the episode's rewards, [policies].
        successes: 1 where it ended at the goal, else 0, [policies].
        distances: from the goal at its end, [policies]; None if the loss's config does not say where that stands.
    """

    label: str
    snapshot: Snapshot
    env_steps: Array
    returns: Array
    successes: Array
    distances: Array | None

    @classmethod
    def of(cls, label: str, trained: TrainedPolicies, evaluator: Evaluator, episodes: int) -> EvaluatedPolicies:
        """Evaluate policies that were trained for so many episodes, or one more."""
        snapshot = evaluate(trained.policies, evaluator, episodes)
        distances = evaluator.distances(snapshot.rollouts)
        return cls(
            label,
            snapshot,
            trained.env_steps.double().numpy(),
            snapshot.rollouts.returns.numpy(),
            evaluator.successes(snapshot.rollouts).double().numpy(),
            None if distances is None else distances.numpy(),
        )

    @property
    def metric(self) -> MetricFormat:
        """What methods are compared by: distance from the goal, or return where that is not known."""
        return _RETURN if self.distances is None else _DISTANCE

    @property
    def scores(self) -> Array:
        """That metric, [policies]."""
        return self.returns if self.distances is None else self.distances

    @property
    def quality(self) -> Array:
        """That metric such that higher is better, [policies]."""
        return self.metric.sign * self.scores

    @property
    def best(self) -> int:
        """Index of the best policy."""
        return int(self.quality.argmax())


@dataclass(frozen=True)
class PolicyComparison:
    """Policies trained under a learned loss beside those of its baselines."""

    learned: EvaluatedPolicies
    baselines: Sequence[EvaluatedPolicies]

    @property
    def best_baseline(self) -> EvaluatedPolicies:
        """The baseline whose policies are best on average."""
        return max(self.baselines, key=lambda each: float(each.quality.mean()))

    @property
    def gap(self) -> Array:
        """Learned loss minus best baseline, [policies]."""
        return self.learned.scores - self.best_baseline.scores

    @property
    def caveat(self) -> str:
        """Whether the returns contradict the distances; a sentence, or empty."""
        best = max(self.baselines, key=lambda each: float(each.returns.mean()))
        behind = float(best.returns.mean() - self.learned.returns.mean())
        if self.learned.distances is None or not behind > 0:
            return ""
        return (
            f" Its return is {behind:.4g} lower than that of {best.label}: the environment rewards something else than "
            "being near the goal at the end."
        )

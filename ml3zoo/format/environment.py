"""The Gymnasium environment that a loss was made for, as its config describes it. Needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from ml3zoo.format.schema import Finite, NotNegative, Positive, Strict

if TYPE_CHECKING:
    from torch import Tensor


class AffineScale(Strict, frozen=True):
    """The scale of one number of a state, action or goal: a network sees ``(value - shift) / scale``."""

    shift: Finite = 0.0
    scale: Positive = 1.0


AffineScales = Annotated[tuple[AffineScale, ...], Meta(min_length=1, max_length=256)]
_Indices = Annotated[tuple[Annotated[int, Meta(ge=0, lt=256)], ...], Meta(max_length=256)]


def normalise(values: Tensor, scales: AffineScales) -> Tensor:
    """Values [..., n] brought to about -1 to 1 by n scales."""
    shift, scale = zip(*((each.shift, each.scale) for each in scales), strict=True)
    return (values - values.new_tensor(shift)) / values.new_tensor(scale)


class EnvironmentConfig(Strict, frozen=True, kw_only=True):
    """The Gymnasium environment that a loss of trajectories was made for, and how policies are trained in it.

    Attributes:
        id: as ``gymnasium.make`` takes it.
        episode_steps: the most that an episode may have.
        observation_normaliser: a scale for each number of a state; policies see scaled states.
        goal: what the loss is given as the goal, if that is always the same.
        goal_at: otherwise, where the goal stands in a state.
        offset_at: where the offset from the goal stands in a state; its length is the distance. If empty, an episode
            is a success where it ends by itself.
        tolerance: the distance at the end of an episode up to which it is a success.
        one_start: whether a policy is trained and judged from one start with one goal; else each episode has its own.
    """

    id: Annotated[str, Meta(max_length=256)]
    episode_steps: Annotated[int, Meta(gt=0, le=1_000_000)]
    observation_normaliser: AffineScales
    goal: Annotated[tuple[Finite, ...], Meta(max_length=256)] = ()
    goal_at: _Indices = ()
    offset_at: _Indices = ()
    tolerance: NotNegative = 0.0
    one_start: bool = False

    def __post_init__(self) -> None:
        """Indices lie within a state; the goal is given in one way."""
        outside = [index for index in (*self.goal_at, *self.offset_at) if index >= len(self.observation_normaliser)]
        if outside:
            raise ValueError(f"a state of {len(self.observation_normaliser)} numbers has none at {outside[0]}")
        if bool(self.goal) == bool(self.goal_at):
            raise ValueError("either goal or goal_at must give the goal")

    def __str__(self) -> str:
        """In a line."""
        episodes = f"episodes of up to {self.episode_steps} steps from {self.starts}"
        return f"{self.id}, {episodes}; success: {self.success}"

    def normalise(self, observation: Tensor) -> Tensor:
        """An observation [..., numbers] as policies saw it in meta-training: about -1 to 1."""
        return normalise(observation, self.observation_normaliser)

    def goals(self, states: Tensor) -> Tensor:
        """The goal [..., goals] in each state [..., states]."""
        if self.goal_at:
            return states[..., list(self.goal_at)]
        return states.new_tensor(self.goal).expand(*states.shape[:-1], -1)

    @property
    def success(self) -> str:
        """What counts as a success."""
        if self.offset_at:
            return f"an end within {self.tolerance:g} of the goal"
        return "an episode that the goal ended"

    @property
    def starts(self) -> str:
        """From where a policy is trained and judged."""
        return "one start for each policy" if self.one_start else "fresh starts"

"""Family ``trajectory``: a small network looks at state, goal and time, and values each action.

Source: Bechtle et al. 2020 give state, action and distance to the goal to one network (``output="value"``).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional as F

from ml3zoo.errors import ConfigError, InputError
from ml3zoo.format.config import LossConfig, SignalConfig, Trajectory, parse_architecture
from ml3zoo.format.environment import AffineScales
from ml3zoo.format.schema import Strict
from ml3zoo.losses.base import FEATURE_LIMIT, LearnedLoss
from ml3zoo.losses.layers import fully_connected, reset_linear_layers
from ml3zoo.losses.signals import LossInputs
from ml3zoo.losses.terms import WeightedTerms

_PARTS: tuple[Trajectory, ...] = ("state", "action", "goal")
SIGNALS = (*(SignalConfig(signal=part) for part in _PARTS), SignalConfig(signal="progress"))
"""What a loss of trajectories looks at; it may do without the last."""
_TERMS = WeightedTerms()


class Architecture(Strict, frozen=True, kw_only=True):
    """What the loss is given, and what it makes of it.

    ``state``, ``action``, ``goal``: a range for each of their numbers.
    ``output="target_action"``: the network sees state, goal and progress, and gives an aim in the range of actions and a weight;
    the loss is the terms squared distance of the action from the aim, convex in the action.
    ``output="value"``: it sees the action too and gives the loss itself, through a softplus.
    ``mirrored``: the world is the same in a mirror. Where state and goal lie on the other side of their middles, so
    does the aim (or, for a value, the action), and weight and value are the same.
    """

    state: AffineScales
    action: AffineScales
    goal: AffineScales
    hidden: Annotated[tuple[Annotated[int, Meta(gt=0, le=4096)], ...], Meta(max_length=8)]
    output: Literal["target_action", "value"] = "target_action"
    mirrored: bool = False


class Loss(LearnedLoss):
    """A learned loss of the family ``trajectory``; see ``Architecture``. Takes what the environment gives, unscaled."""

    state_shift: Tensor
    state_scale: Tensor
    action_shift: Tensor
    action_scale: Tensor
    goal_shift: Tensor
    goal_scale: Tensor

    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.architecture = parse_architecture(Architecture, config)
        if config.signals not in (SIGNALS, SIGNALS[:-1]):
            looked_at = ", ".join(map(str, config.signals))
            raise ConfigError(
                "a trajectory loss looks at state, action, goal and, if it likes, progress, all as they are (ranges "
                f"are its architecture's); {config.name} at {looked_at}."
            )
        for part in _PARTS:
            ranges: AffineScales = getattr(self.architecture, part)
            self.register_buffer(f"{part}_shift", torch.tensor([each.shift for each in ranges]), persistent=False)
            self.register_buffer(f"{part}_scale", torch.tensor([each.scale for each in ranges]), persistent=False)
        states, actions, goals = (len(getattr(self.architecture, part)) for part in _PARTS)
        aims = self.architecture.output == "target_action"
        inputs, outputs = (states + goals, 1 + actions) if aims else (states + goals + actions, 1)
        self.network = fully_connected([inputs + config.uses_progress, *self.architecture.hidden, outputs], nn.Tanh)

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of each time step."""
        action = self._ranged(inputs, "action")
        if self.architecture.output == "value":
            return F.softplus(self._seeing(inputs, action)[..., 0])
        output = self._seeing(inputs)
        value: Tensor = _TERMS.weights(output[..., 0]) * (action - output[..., 1:].tanh()).square().mean(-1)
        return value

    def target_action(self, state: Tensor, goal: Tensor, progress: float = 0.0) -> Tensor:
        """The action at which a loss with ``output="target_action"`` is zero.

        Args:
            state: [..., states].
            goal: [..., goals].
            progress: share of training done.

        Returns:
            [..., actions].

        Raises:
            InputError: the loss has no aim, or shapes do not fit.
        """
        if self.architecture.output != "target_action":
            raise InputError(
                f'{self.config.name} values actions and aims at none: a loss with output "target_action" was expected.'
            )
        somehow = self.action_shift.expand(*state.shape[:-1], -1)
        self._check(somehow, goal, state)
        inputs = self._inputs(somehow, goal, state, torch.tensor(progress, device=state.device), {})
        aim: Tensor = self.action_shift + self.action_scale * self._seeing(inputs)[..., 1:].tanh()
        return aim

    def reset_parameters(self, init: tuple[float, ...] = ()) -> None:
        """Xavier weights and zero biases; a weight of about 1 everywhere."""
        reset_linear_layers(self)

    @torch.no_grad()
    def equalise_weights(self) -> None:
        """Make the weight of an aim 1 everywhere; aims stay as they are."""
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        last.weight[0] = 0
        last.bias[0] = 0

    def example(self, generator: torch.Generator, n: int, size: float) -> dict[str, Tensor]:
        """States and goals over the range, actions ``size`` times that."""

        def draw(part: str) -> Tensor:
            shift, scale = (getattr(self, f"{part}_{what}").double() for what in ("shift", "scale"))
            drawn: Tensor = shift + scale * torch.randn(n, len(scale), generator=generator, dtype=torch.float64)
            return drawn

        action = self.action_shift + size * (draw("action") - self.action_shift)
        return {"input": action, "target": draw("goal"), "feature": draw("state")}

    def workload(self, generator: torch.Generator, elements: int) -> dict[str, Tensor]:
        """So many numbers of actions, and what goes with them."""
        example = self.example(generator, max(1, elements // len(self.architecture.action)), 1.0)
        return {name: value.float() for name, value in example.items()}

    def _seeing(self, inputs: LossInputs, *more: Tensor) -> Tensor:
        """What the network makes of state, goal, progress and more, [..., outputs]."""
        seen = torch.cat([self._ranged(inputs, "state"), self._ranged(inputs, "goal"), *more], -1)
        output = self._looking(inputs, seen)
        if not self.architecture.mirrored:
            return output
        other = self._looking(inputs, -seen)
        return torch.cat([output[..., :1] + other[..., :1], output[..., 1:] - other[..., 1:]], -1) / 2

    def _looking(self, inputs: LossInputs, seen: Tensor) -> Tensor:
        """What the network makes of numbers in their ranges and of progress, [..., outputs]."""
        if self.config.uses_progress:
            seen = torch.cat([seen, (2 * inputs["progress"] - 1).expand(*inputs.points, 1)], -1)
        output: Tensor = self.network(seen)
        return output

    def _ranged(self, inputs: LossInputs, part: str) -> Tensor:
        """A part of the batch in its range.

        Raises:
            InputError: it has more or fewer numbers than the loss knows.
        """
        values, shift, scale = inputs[part], getattr(self, f"{part}_shift"), getattr(self, f"{part}_scale")
        if values.shape[-1] != len(scale):
            raise InputError(
                f"{self.config.name} takes {len(scale)} numbers as {part}, got {values.shape[-1]} (shape "
                f"{tuple(values.shape)}): it was made for another environment. Run: ml3zoo info {self.config.name}"
            )
        ranged: Tensor = ((values - shift) / scale).clamp(-FEATURE_LIMIT, FEATURE_LIMIT)
        return ranged

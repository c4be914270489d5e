"""Family ``trajectory``: a small network looks at state, goal and progress and gives a loss of each action.

Source: Bechtle et al. 2020 give state, action and distance to the goal to one network (``output="value"``).
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn
from torch.nn import functional as F

from ml3zoo.errors import ConfigError, InputError
from ml3zoo.format.config import LARGEST_SIGNAL, LossConfig, SignalConfig, parse_architecture
from ml3zoo.format.environment import AffineScales
from ml3zoo.format.schema import Strict
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.layers import Tanh, fully_connected, reset_linear_layers
from ml3zoo.losses.reductions import Reductions
from ml3zoo.losses.terms import WeightedTerms

_PARTS = ("state", "action", "goal")
SIGNALS = (*(SignalConfig(signal=part) for part in _PARTS), SignalConfig(signal="progress"))
"""The signals of a loss of trajectories; progress may be left out."""
_TERMS = WeightedTerms()


class Architecture(Strict, frozen=True, kw_only=True):
    """The scales of what the loss is given, and the network.

    ``state``, ``action``, ``goal``: a scale for each of their numbers.
    ``output="target_action"``: the network sees state, goal and progress and gives a target action and a weight. The
    loss is the weighted squared distance between action and target action, both scaled, and so convex in the action.
    ``output="value"``: the network sees the action too and gives the loss itself, through a softplus.
    ``mirrored``: the environment is the same in a mirror. If all scaled numbers of state and goal change their sign, so
    does the target action, and the weight stays; a value stays if those of the action change theirs too.
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
            raise ConfigError(
                "a trajectory loss looks at state, action, goal and, optionally, progress, without transforms, shift "
                f"or scale (its architecture has the scales); {config.name} at {', '.join(map(str, config.signals))}."
            )
        states, actions, goals = (len(getattr(self.architecture, part)) for part in _PARTS)
        sizes = {"target_action": (states + goals, 1 + actions), "value": (states + goals + actions, 1)}
        inputs, outputs = sizes[self.architecture.output]
        self.network = fully_connected([inputs + self.uses_progress, *self.architecture.hidden, outputs], Tanh)

    def constants(self) -> dict[str, Tensor]:
        """The scales of state, action and goal too."""
        architecture = parse_architecture(Architecture, self.config)
        constants = super().constants()
        for part in _PARTS:
            scales: AffineScales = getattr(architecture, part)
            for what in ("shift", "scale"):
                numbers = [getattr(each, what) for each in scales]
                constants[f"{part}_{what}"] = torch.tensor(numbers, dtype=torch.float32)
        return constants

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of each time step."""
        action = self._scaled(inputs, "action")
        if self.architecture.output == "value":
            return F.softplus(self._outputs(inputs, action)[..., 0])
        output = self._outputs(inputs)
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
            InputError: the loss has no target action, or shapes do not fit.
        """
        if self.architecture.output != "target_action":
            raise InputError(
                f"{self.config.name} gives each action a value and has no target action: a loss with output "
                '"target_action" was expected.'
            )
        any_action = self.action_shift.expand(*state.shape[:-1], -1)
        self._check(any_action, goal, state)
        known = self.convention.given(any_action, goal, self.dtype)
        known |= {"feature": state.to(self.dtype), "progress": known["action"].new_tensor(progress)}
        inputs = LossInputs(self.problem_type, known, Reductions(self.convention.points(any_action)))
        action: Tensor = self.action_shift + self.action_scale * self._outputs(inputs)[..., 1:].tanh()
        return action

    def reset_parameters(self, init: tuple[float, ...] = ()) -> None:
        """Xavier weights and zero biases; a weight of about 1 everywhere."""
        reset_linear_layers(self)

    @torch.no_grad()
    def equalise_weights(self) -> None:
        """Make the weight 1 everywhere; target actions stay as they are."""
        last = self.network[-1]
        assert isinstance(last, nn.Linear)
        last.weight[0] = 0
        last.bias[0] = 0

    def example(self, generator: torch.Generator, n: int, size: float) -> dict[str, Tensor]:
        """States and goals spread over their scales, actions over ``size`` times theirs."""

        def draw(part: str) -> Tensor:
            shift, scale = (getattr(self, f"{part}_{what}").double() for what in ("shift", "scale"))
            drawn: Tensor = shift + scale * torch.randn(n, len(scale), generator=generator, dtype=torch.float64)
            return drawn

        action = self.action_shift + size * (draw("action") - self.action_shift)
        return {"input": action, "target": draw("goal"), "feature": draw("state")}

    def workload(self, generator: torch.Generator, elements: int) -> dict[str, Tensor]:
        """Actions with so many elements, and their states and goals."""
        example = self.example(generator, max(1, elements // len(self.architecture.action)), 1.0)
        return {name: value.float() for name, value in example.items()}

    def _outputs(self, inputs: LossInputs, *more: Tensor) -> Tensor:
        """The network's outputs [..., outputs] for state, goal, progress and more."""
        seen = torch.cat([self._scaled(inputs, "state"), self._scaled(inputs, "goal"), *more], -1)
        weight, bias = self._first_layer(inputs)
        if not self.architecture.mirrored:
            return self._others(F.linear(seen, weight, bias))
        seen = F.linear(seen, weight)
        output, mirrored = self._others(bias + seen), self._others(bias - seen)
        return torch.cat([output[..., :1] + mirrored[..., :1], output[..., 1:] - mirrored[..., 1:]], -1) / 2

    def _first_layer(self, inputs: LossInputs) -> tuple[Tensor, Tensor]:
        """Weight and bias of the first layer, the progress being part of the bias."""
        first = self.network[0]
        assert isinstance(first, nn.Linear)
        if not self.uses_progress:
            return first.weight, first.bias
        progress = 2 * inputs["progress"] - 1
        return first.weight[:, :-1], torch.addcmul(first.bias, first.weight[:, -1], progress)

    def _others(self, hidden: Tensor) -> Tensor:
        """The network's outputs from those of its first layer."""
        _, *others = self.network
        for layer in others:
            hidden = layer(hidden)
        return hidden

    def _scaled(self, inputs: LossInputs, part: str) -> Tensor:
        """State, action or goal, scaled to about -1 to 1.

        Raises:
            InputError: it has more or fewer numbers than the loss takes.
        """
        values, shift, scale = inputs[part], getattr(self, f"{part}_shift"), getattr(self, f"{part}_scale")
        if values.shape[-1] != len(scale):
            raise InputError(
                f"{self.config.name} takes {len(scale)} numbers as {part}, got {values.shape[-1]} (shape "
                f"{tuple(values.shape)}): it was made for another environment. Run: ml3zoo info {self.config.name}"
            )
        scaled: Tensor = ((values - shift) / scale).clamp(-LARGEST_SIGNAL, LARGEST_SIGNAL)
        return scaled

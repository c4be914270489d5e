"""Learning a policy by trial and error in a world: the tasks of policy-gradient losses."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.optimizees import MLP, Activation
from ml3zoo.tasks.worlds.base import World

RETURNS = "returns"
"""Of a trained agent: the mean return of the episodes that ended within each update, [updates]; NaN where none did."""
POLICY, VALUE, LOG_STD = "policy.", "value.", "log_std"
_LAST = 0.25
"""Share of the updates whose returns count as those at the end."""
_SPLITS: dict[Split, int] = {"train": 0, "valid": 1, "test": 2}


@dataclass(frozen=True)
class PolicyLearning(TaskFamily):
    """An agent in a world whose constants it does not know: a Gaussian policy and a value function, two networks.

    A task is a draw of constants, of initial weights, of the scale of rewards and of all chance. The metric is what is
    lacking at the end: 0 where the agent does as well as the world's good one, 1 where it does as random actions.

    Attributes:
        world: what it acts in.
        hidden: layers of both networks.
        activation: of both.
        scales: rewards are multiplied by a factor between these two, log-uniform.
        early: share of the whole curve in the metric, beside the end.
    """

    world: World
    hidden: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"
    scales: tuple[float, float] = (1.0, 1.0)
    early: float = 0.0

    policy: nn.Module = field(init=False, repr=False, compare=False)
    value: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "policy", self._mlp(self.world.actions).skeleton())
        object.__setattr__(self, "value", self._mlp(1).skeleton())

    def __str__(self) -> str:
        return str(self._mlp(self.world.actions))

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks: the world's constants, ``scale`` and ``seed`` of each, and initial weights."""
        constants = self.world.constants(generator, n)
        low, high = self.scales
        scale = low * (high / low) ** torch.rand(n, generator=generator)
        seed = 3 * torch.randint(2**40, (n,), generator=generator) + _SPLITS[split]
        policy = self._mlp(self.world.actions).sample(generator, n)
        last = max(policy)
        for name in (last, f"{last.partition('.')[0]}.bias"):
            policy[name] = 0.01 * policy[name]
        initial = {POLICY + name: x for name, x in policy.items()}
        initial |= {VALUE + name: x for name, x in self._mlp(1).sample(generator, n).items()}
        initial[LOG_STD] = torch.zeros(n, self.world.actions)
        return Tasks({**constants, "scale": scale, "seed": seed}, initial)

    def loss_arguments(self, params: Tensors, data: Tensors) -> Tensors:
        """None: an agent's data follow from what it does, see ``ml3zoo.meta.agents``."""
        raise NotImplementedError

    def objective(self, params: Tensors, data: Tensors) -> Tensor:
        """What is lacking at the end, and on the way; see ``lack``."""
        lacking = self.lack(params[RETURNS])
        end = lacking[-max(1, round(_LAST * len(lacking))) :].nanmean()
        return (1 - self.early) * end + self.early * lacking.nanmean() if self.early else end

    def lack(self, returns: Tensor) -> Tensor:
        """Of returns of episodes."""
        poor, good = self.world.returns
        return (good - returns) / (good - poor)

    def _mlp(self, outputs: int) -> MLP:
        return MLP((self.world.observations, *self.hidden, outputs), self.activation)

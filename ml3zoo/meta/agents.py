"""Runs of agents: many learn side by side, each under its own loss, by proximal policy optimisation.

Collect steps, estimate advantages (generalised advantage estimation, Schulman et al. 2016), then some epochs of
minibatches under Adam: what PPO does (Schulman et al. 2017), the loss in the place of its clipped surrogate. All chance
follows from the seeds of tasks: agents on one task meet the same, whatever their loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from ml3zoo.errors import InputError
from ml3zoo.format.results import Schedule
from ml3zoo.losses import call_arguments, empty_memory, remember
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import Adam, InnerOptimizer
from ml3zoo.meta.step import Step, unobserved
from ml3zoo.tasks.base import Split, TaskFamily, Tasks, Tensors
from ml3zoo.tasks.policy_learning import LOG_STD, POLICY, RETURNS, VALUE, PolicyLearning

_ENTROPY = 0.5 * math.log(2 * math.pi * math.e)
_FARTHEST = 10.0
"""Normalised observations and rewards are clipped here."""


@dataclass(frozen=True)
class AgentRun:
    """How agents learn. What the field calls hyper-parameters of PPO; the defaults are usual ones for control.

    Attributes:
        lr: Adam's, constant.
        updates: times that steps are collected and learned from.
        envs: copies of the world.
        horizon: steps of each copy in an update.
        epochs: passes over the steps of an update.
        batch: steps in a minibatch.
        discount: of rewards.
        trace: lambda of the advantage estimation.
        clip: largest norm of the gradient of both networks.
        value_weight: of the value function's squared error.
        normalise: whether observations and rewards are divided by running standard deviations.
    """

    lr: float
    updates: int
    envs: int = 4
    horizon: int = 128
    epochs: int = 8
    batch: int = 64
    discount: float = 0.99
    trace: float = 0.95
    clip: float = 0.5
    value_weight: float = 0.5
    normalise: bool = True

    schedule: ClassVar[Schedule] = "constant"
    """Of the learning rate."""

    def __post_init__(self) -> None:
        """Minibatches are equal in size.

        Raises:
            InputError: they cannot be.
        """
        if self.envs * self.horizon % self.batch:
            raise InputError(
                f"{self.envs} copies x {self.horizon} steps cannot be cut into minibatches of {self.batch}: choose a "
                "divisor."
            )

    @property
    def steps(self) -> int:
        """Steps of the world in all."""
        return self.updates * self.envs * self.horizon

    @property
    def optimizer(self) -> InnerOptimizer:
        """Adam, as PPO has it."""
        return Adam(eps=1e-5)

    def sample(self, family: TaskFamily, generator: torch.Generator, n: int, split: Split) -> Tasks:
        """N tasks of a split."""
        return family.sample(generator, n, split)

    def step(self, loss: nn.Module, family: TaskFamily, *, compiled: bool = False) -> Step:
        """What a run is made with: loss and family."""
        return Step.of(loss, family, self.optimizer)

    def __call__(
        self,
        step: Step,
        phi: Tensors,
        tasks: Tasks,
        observe: Callable[[int, Tensors], None] = unobserved,
        lr: Tensor | None = None,
    ) -> Tensors:
        """Let every agent learn and return its networks, and ``returns`` [agents, updates].

        Args:
            step: made by ``step``.
            phi: the loss's parameters, each with a leading axis of agents; empty for an ordinary loss.
            tasks: drawn by ``sample``.
            observe: called with (steps of the world, networks and returns) before the first and after every update.
            lr: [agents], in the place of the run's own.
        """
        learning = _Learning(self, step, phi, tasks, lr)
        observe(0, learning.outcome)
        for update in range(self.updates):
            learning.update(update)
            observe((update + 1) * self.envs * self.horizon, learning.outcome)
        return learning.outcome


Run = InnerRun | AgentRun
"""How networks are trained: on given data, or on what they do."""


def steps_apart(run: Run) -> InnerRun:
    """A run whose steps can be made one at a time.

    Raises:
        InputError: it is one of agents.
    """
    if isinstance(run, AgentRun):
        raise InputError(
            "agents learn in one go: no gradient goes through a world, and their lifetimes are not cut into windows. "
            "Take EvolutionStrategies, and no initialisation by other losses."
        )
    return run


class _Collected(NamedTuple):
    """Steps of an update, [horizon, agents, envs, ...], and the state after them."""

    observed: Tensor
    action: Tensor
    log_probability: Tensor
    reward: Tensor
    ended: Tensor
    cut: Tensor
    after: Tensor
    returns: Tensor


class _Running:
    """Running mean and variance of numbers [agents, points, numbers], by agent (Chan et al. 1979)."""

    def __init__(self, agents: int, numbers: int) -> None:
        self.mean, self.variance = torch.zeros(agents, 1, numbers), torch.ones(agents, 1, numbers)
        self.count = 1e-4

    def add(self, x: Tensor) -> None:
        """Take more points into account."""
        n = x.shape[1]
        total, delta = self.count + n, x.mean(1, keepdim=True) - self.mean
        spread = self.variance * self.count + x.var(1, unbiased=False, keepdim=True) * n
        self.variance = (spread + delta.square() * self.count * n / total) / total
        self.mean = self.mean + delta * n / total
        self.count = total

    @property
    def scale(self) -> Tensor:
        """What numbers are divided by."""
        return (self.variance + 1e-8).sqrt()


class _Learning:
    """Agents in the middle of a run."""

    def __init__(self, run: AgentRun, step: Step, phi: Tensors, tasks: Tasks, lr: Tensor | None) -> None:
        assert isinstance(step.family, PolicyLearning)
        self.run, self.loss, self.phi, self.family = run, step.loss, phi, step.family
        self.world, self.optimizer = step.family.world, run.optimizer
        self.shapes = {name: p.shape for name, p in tasks.initial.items()}
        self.flat = torch.cat([p.detach().flatten(1) for p in tasks.initial.values()], 1)
        self.optimizer_state = self.optimizer.init({"": self.flat})
        self.scale = tasks.data["scale"][:, None]
        self.constants = {name: x for name, x in tasks.data.items() if name not in ("scale", "seed")}
        self.agents = len(self.scale)
        self.lr = self.scale.new_full((self.agents,), run.lr) if lr is None else lr
        self.chance = [torch.Generator().manual_seed(int(seed) % 2**62) for seed in tasks.data["seed"]]
        self.memory = empty_memory(self.loss, self.lr, self._no_outputs)
        self.observations = _Running(self.agents, self.world.observations)
        self.gains = _Running(self.agents, 1)
        self.gain = self.scale.new_zeros(self.agents, run.envs)
        self.age = torch.zeros(self.agents, run.envs)
        self.so_far = torch.zeros(self.agents, run.envs)
        self.returns = self.scale.new_full((self.agents, run.updates), math.nan)
        self.state = self.world.start(self.constants, self._uniform(run.envs, self.world.draws))
        # copies begin at different ages, so that episodes do not all end at once
        if run.envs > 1:
            self.age += torch.arange(run.envs) * self.world.limit // run.envs
            self.so_far += math.nan
        self.done, self.updates = 0, 0

    @property
    def params(self) -> Tensors:
        """Of both networks."""
        sizes = [math.prod(shape[1:]) for shape in self.shapes.values()]
        parts = torch.split(self.flat, sizes, 1)
        return {name: x.view(shape) for (name, shape), x in zip(self.shapes.items(), parts, strict=True)}

    @property
    def outcome(self) -> Tensors:
        """Networks, and the returns of the updates so far."""
        networks = {name: p.detach() for name, p in self.params.items()}
        return {**networks, RETURNS: self.returns[:, : self.updates]}

    def update(self, number: int) -> None:
        """Collect steps and learn from them."""
        run = self.run
        with torch.no_grad():
            collected = self._collect()
            advantage, value = self._advantages(collected)
        self.returns[:, number] = collected.returns
        self.updates = number + 1
        steps = {
            "observed": collected.observed,
            "action": collected.action,
            "log_probability": collected.log_probability,
            "advantage": advantage,
            "value": value,
        }
        flat = {name: x.transpose(0, 1).flatten(1, 2) for name, x in steps.items()}
        for rows in self._minibatches():
            batch = {
                name: x.gather(1, rows.view(*rows.shape, *[1] * (x.dim() - 2)).expand(-1, -1, *x.shape[2:]))
                for name, x in flat.items()
            }
            self._learn(batch, self.done / (run.updates * run.epochs * (run.envs * run.horizon // run.batch)))
            self.done += 1

    @torch.enable_grad()
    def _learn(self, batch: Tensors, progress: float) -> None:
        self.flat.requires_grad_()
        params = self.params
        given = self._loss_arguments(params, batch)
        at = self.lr.new_full((self.agents,), progress)

        def one(phi: Tensors, memory: Tensors, given: Tensors, progress: Tensor) -> tuple[Tensor, Tensors]:
            arguments = call_arguments(self.loss, given, progress=progress)
            memory, context = remember(self.loss, memory, lambda: {name: x.detach() for name, x in given.items()})
            if context:
                arguments["context"] = context
            result: Tensor = functional_call(self.loss, phi, (), arguments)
            return result, memory

        value, memory = vmap(one)(self.phi, self.memory, given, at)
        missed = (self._values(params, batch["observed"]) - batch["value"]).square().mean(1)
        total = value.sum() + self.run.value_weight * missed.sum()
        (grad,) = torch.autograd.grad(total, self.flat)
        with torch.no_grad():
            grad = grad * (self.run.clip / (grad.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1.0)
            t = torch.full((self.agents, 1), self.done + 1.0)
            after, self.optimizer_state = self.optimizer.step(
                {"": self.flat.detach()}, {"": grad}, self.optimizer_state, self.lr[:, None], t
            )
            self.flat = after[""]
        self.memory = {name: x.detach() for name, x in memory.items()}

    def _loss_arguments(self, params: Tensors, batch: Tensors) -> Tensors:
        """Log-ratios, normalised advantages and entropies, [agents, steps]."""
        log_ratio = self._log_probability(params, batch["observed"], batch["action"]) - batch["log_probability"]
        entropy = (params[LOG_STD] + _ENTROPY).sum(-1, keepdim=True).expand_as(log_ratio)
        advantage = batch["advantage"]
        mean, std = advantage.mean(1, keepdim=True), advantage.std(1, keepdim=True)
        return {"input": log_ratio, "target": (advantage - mean) / (std + 1e-8), "feature": entropy}

    def _collect(self) -> _Collected:
        """Act for a while, by the policy and chance."""
        run, kept = self.run, list[tuple[Tensor, ...]]()
        returned, episodes = torch.zeros(self.agents), torch.zeros(self.agents)
        noise = self._normal(run.horizon, run.envs, self.world.actions).transpose(0, 1)
        starts = self._uniform(run.horizon, run.envs, self.world.draws).transpose(0, 1)
        for step in range(run.horizon):
            observed = self._observe(self.state)
            mean = self._means(self.params, observed)
            action = mean + self.params[LOG_STD].exp()[:, None] * noise[step]
            log_probability = self._log_density(mean, self.params[LOG_STD], action)
            outcome = self.world.step(self.constants, self.state, action)
            self.age += 1
            self.so_far += outcome.reward
            cut = (self.age >= self.world.limit) & ~outcome.ended
            over = cut | outcome.ended
            reward = self._scaled(outcome.reward * self.scale, over)
            kept.append(
                (observed, action, log_probability, reward, outcome.ended, cut, self._observe(outcome.state, add=False))
            )
            known = over & self.so_far.isfinite()
            returned += self.so_far.where(known, 0).sum(1)
            episodes += known.sum(1)
            self.so_far = self.so_far.where(~over, 0)
            self.age = self.age.where(~over, 0)
            self.state = self._started(outcome.state, over, starts[step])
        observed, action, log_probability, reward, ended, cut, after = (torch.stack(x) for x in zip(*kept, strict=True))
        return _Collected(observed, action, log_probability, reward, ended, cut, after, returned / episodes)

    def _started(self, state: Tensor, over: Tensor, draw: Tensor) -> Tensor:
        """The states, with fresh ones where episodes are over."""
        if not bool(over.any()):
            return state
        constants = {name: x.expand(over.shape)[over][:, None] for name, x in self.constants.items()}
        state = state.clone()
        state[over] = self.world.start(constants, draw[over][:, None]).squeeze(1)
        return state

    def _observe(self, state: Tensor, *, add: bool = True) -> Tensor:
        observed = self.world.observe(self.constants, state)
        if not self.run.normalise:
            return observed
        if add:
            self.observations.add(observed)
        scaled = (observed - self.observations.mean) / self.observations.scale
        return scaled.clamp(-_FARTHEST, _FARTHEST)

    def _scaled(self, reward: Tensor, over: Tensor) -> Tensor:
        if not self.run.normalise:
            return reward
        self.gain = self.run.discount * self.gain + reward
        self.gains.add(self.gain[..., None])
        self.gain = self.gain.where(~over, 0)
        return (reward / self.gains.scale[..., 0]).clamp(-_FARTHEST, _FARTHEST)

    def _advantages(self, steps: _Collected) -> tuple[Tensor, Tensor]:
        """Advantages, and what the value function should have said, [horizon, agents, envs]."""
        run = self.run
        value, after = (self._values_of_steps(x) for x in (steps.observed, steps.after))
        over = steps.ended | steps.cut
        missed = steps.reward + run.discount * after * ~steps.ended - value
        advantage, found = torch.zeros_like(missed[0]), list[Tensor]()
        for step in reversed(range(run.horizon)):
            advantage = missed[step] + run.discount * run.trace * ~over[step] * advantage
            found.append(advantage)
        advantages = torch.stack(found[::-1])
        return advantages, advantages + value

    def _values_of_steps(self, observed: Tensor) -> Tensor:
        flat = observed.transpose(0, 1).flatten(1, 2)
        values = self._values(self.params, flat)
        return values.view(self.agents, self.run.horizon, -1).transpose(0, 1)

    def _log_probability(self, params: Tensors, observed: Tensor, action: Tensor) -> Tensor:
        return self._log_density(self._means(params, observed), params[LOG_STD], action)

    @staticmethod
    def _log_density(mean: Tensor, log_std: Tensor, action: Tensor) -> Tensor:
        """Of Gaussians, [agents, points]."""
        off = (action - mean) / log_std.exp()[:, None]
        return -(0.5 * off.square() + log_std[:, None] + 0.5 * math.log(2 * math.pi)).sum(-1)

    def _means(self, params: Tensors, observed: Tensor) -> Tensor:
        return _outputs(self.family.policy, POLICY, params, observed)

    def _values(self, params: Tensors, observed: Tensor) -> Tensor:
        return _outputs(self.family.value, VALUE, params, observed).squeeze(-1)

    def _minibatches(self) -> Iterator[Tensor]:
        """Places of steps, [agents, batch], in fresh orders each epoch."""
        n = self.run.envs * self.run.horizon
        for _ in range(self.run.epochs):
            orders = torch.stack([torch.randperm(n, generator=chance) for chance in self.chance])
            yield from torch.split(orders, self.run.batch, 1)

    def _normal(self, *shape: int) -> Tensor:
        return torch.stack([torch.randn(shape, generator=chance) for chance in self.chance])

    def _uniform(self, *shape: int) -> Tensor:
        return torch.stack([torch.rand(shape, generator=chance) for chance in self.chance])

    @staticmethod
    def _no_outputs() -> Tensor:
        raise InputError("agents meet no step twice: a loss that needs the index of a row cannot train them.")


def _outputs(network: nn.Module, prefix: str, params: Tensors, x: Tensor) -> Tensor:
    """Of every agent's MLP, [agents, points, outputs]."""
    for name, layer in network.named_children():
        if isinstance(layer, nn.Linear):
            bias, weight = params[f"{prefix}{name}.bias"], params[f"{prefix}{name}.weight"]
            x = torch.baddbmm(bias[:, None], x, weight.mT)
        else:
            x = layer(x)
    return x

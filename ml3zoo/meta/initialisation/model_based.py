"""ModelBasedPretraining: before a loss learns to train policies, its aims learn to act by themselves.

A loss with ``output="target_action"`` has an action for each state, goal and progress. Here that action is taken, and its
parameters follow the gradient of the distance from the goal through a model of the world (``ModelBasedPretraining``), or it is
compared with what an expert would do (``Imitation``; Ross et al. 2011).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor
from torch.func import vmap

from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.families.trajectory import Loss
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.control.imagination import Episodes, ImaginedReacher, meet
from ml3zoo.tasks.control.reacher import expert
from ml3zoo.tasks.reaching import Reaching

_NEAR = 0.003
"""Distances are softened by this, so that their gradient is finite at the goal."""


@dataclass(frozen=True)
class ModelBasedPretraining:
    """A start of meta-training, for training_configs of ``Reaching`` in an imagined world.

    In each round the environment is acted in, by the aims and by policies that train under the loss, the model is
    fitted to all that was met so far, and the aims are steered in imagination, half of the time from fresh starts and
    half from states that were met.

    Attributes:
        rounds: of acting, fitting and steering.
        iterations: of steering, in each round.
        episodes: in the environment by each of the ways to act, in each round.
        tasks: of each update.
        lr: of Adam, at the beginning of a round.
        velocity_cost: worth of squared velocities, against distance: policies that follow a hasty aim overshoot and spin.
        action_cost: worth of squared actions, against distance.
        noise: standard deviation of the noise on actions in the environment.
        error: the same on actions in imagination: aims learn to correct what a policy that is no more than near to them
            does wrong.
    """

    rounds: int = 4
    iterations: int = 250
    episodes: int = 32
    tasks: int = 128
    lr: float = 0.01
    velocity_cost: float = 5e-3
    action_cost: float = 3e-3
    noise: float = 0.3
    error: float = 0.3

    def __call__(self, loss: LearnedLoss, training_configs: Sequence[TrainingConfig], seed: int) -> float:
        """Steer the aims of ``loss`` and fit the model of the training_configs; how far off the aims are."""
        training_config = training_configs[0]
        assert isinstance(loss, Loss)
        assert isinstance(training_config.family, Reaching)
        environment = training_config.family.environment
        assert isinstance(environment, ImaginedReacher)
        generator = torch.Generator().manual_seed(seed)
        met: Episodes | None = None
        told = math.nan
        loss.equalise_weights()
        environment.forget(generator)
        with reproducible_compute():
            for _ in range(self.rounds):
                fresh = self._act(loss, training_config, generator)
                met = met + fresh if met else fresh
                environment.learn(met, generator)
                told = self._pretrain(loss, environment, met, generator)
        return told

    def quick(self) -> Self:
        """The same in seconds, less well."""
        return replace(self, rounds=1, iterations=2, episodes=2, tasks=4)

    def _act(self, loss: Loss, training_config: TrainingConfig, generator: torch.Generator) -> Episodes:
        """Episodes of the aims and of policies of all ages."""
        noise = torch.Generator().manual_seed(_seed(generator))
        family = training_config.family
        assert isinstance(family, Reaching)
        params = policies_of_all_ages(loss, training_config, self.episodes, generator)

        def noisy(action: Tensor) -> Tensor:
            return action + self.noise * torch.randn(action.shape, generator=noise)

        def aims(observed: Tensor) -> Tensor:
            return noisy(loss.target_action(observed, observed[:, 4:6], float(torch.rand((), generator=noise))))

        def policies(observed: Tensor) -> Tensor:
            return noisy(vmap(family.answer)(params, observed))

        return meet(aims, self.episodes, _seed(generator)) + meet(policies, self.episodes, _seed(generator))

    def _pretrain(self, loss: Loss, environment: ImaginedReacher, met: Episodes, generator: torch.Generator) -> float:
        optimizer = torch.optim.Adam(loss.parameters(), self.lr, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.iterations)
        for _ in range(self.iterations):
            told, cost = self._cost(loss, environment, met, float(torch.rand((), generator=generator)), generator)
            optimizer.zero_grad()
            torch.autograd.backward(cost)
            torch.nn.utils.clip_grad_norm_(loss.parameters(), 0.3)
            optimizer.step()
            schedule.step()
        return told

    def _cost(
        self, loss: Loss, environment: ImaginedReacher, met: Episodes, progress: float, generator: torch.Generator
    ) -> tuple[float, Tensor]:
        """Mean distance at the end, and what is minimised: a logarithm for each episode, so that all of them count."""
        anywhere = _some(met, self.tasks // 2, generator)
        starts = (
            environment.draw(generator, self.tasks - len(anywhere), "train"),
            environment.recall(anywhere, generator),
        )
        state = torch.cat(starts)
        distances, effort = list[Tensor](), torch.zeros(self.tasks)
        for _ in range(environment.steps):
            action = loss.target_action(environment.observe(state), state[:, 4:6], progress)
            error = self.error * torch.randn(action.shape, generator=generator)
            state = environment.step(state, action + error)
            distances.append((environment.offset(state).square().sum(-1) + _NEAR**2).sqrt())
            effort = (
                effort
                + self.velocity_cost * state[:, 2:4].square().sum(-1)
                + self.action_cost * action.square().sum(-1)
            )
        way, end = torch.stack(distances), torch.stack(distances[-10:])
        cost = way.mean(0) + end.mean(0) + effort / environment.steps
        return float(way[-1].detach().mean()), (cost + 0.02).log().mean()


@dataclass(frozen=True)
class Imitation(ModelBasedPretraining):
    """The same with an expert: aims learn to be its actions, wherever aims and policies have led.

    Attributes:
        expert: observations [..., observed] to actions [..., actions].
    """

    expert: Callable[[Tensor], Tensor] = expert

    def _cost(
        self, loss: Loss, environment: ImaginedReacher, met: Episodes, progress: float, generator: torch.Generator
    ) -> tuple[float, Tensor]:
        """Mean squared difference from the expert, twice."""
        observed = _some(met, self.tasks * environment.steps, generator)
        difference = loss.target_action(observed, observed[:, 4:6], progress) - self.expert(observed)
        cost = difference.square().mean()
        return float(cost.detach()), cost


def policies_of_all_ages(loss: Loss, training_config: TrainingConfig, n: int, generator: torch.Generator) -> Tensors:
    """Parameters of n policies, each somewhere between fresh and fully trained under the loss, in imagination."""
    tasks = training_config.family.sample(generator, n, "train")
    age = torch.randint(training_config.run.steps + 1, (n,), generator=generator)
    kept = {name: p.clone() for name, p in tasks.initial.items()}

    def observe(step: int, params: Tensors) -> None:
        for name, p in params.items():
            kept[name][age == step] = p[age == step]

    training_config.run.under(loss, training_config.family, tasks, observe)
    return kept


def _some(met: Episodes, n: int, generator: torch.Generator) -> Tensor:
    """N observations of those that were met."""
    everything = met.observed.flatten(0, 1)
    return everything[torch.randint(len(everything), (n,), generator=generator)]


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**31, (), generator=generator))

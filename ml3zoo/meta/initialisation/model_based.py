"""Model-based pretraining: before meta-training, the loss's target actions learn to reach goals by themselves.

A loss with ``output="target_action"`` has an action for each state, goal and progress. Here the target action itself is
carried out. Its parameters follow the gradient of the distance from the goal through a learned model of the dynamics
(``ModelBasedPretraining``), or of its difference from an expert's action (``Imitation``; Ross et al. 2011).
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
from ml3zoo.meta.agents import steps_apart
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.control.imagination import Episodes, ImaginedReacher, collect
from ml3zoo.tasks.control.reacher import expert
from ml3zoo.tasks.reaching import Reaching

_NEAR = 0.003
"""Distances are softened by this, so that their gradient is finite at the goal."""


@dataclass(frozen=True)
class ModelBasedPretraining:
    """An initialisation for training configs of ``Reaching`` in an ``ImaginedReacher``.

    Each round collects episodes of the target actions and of policies that train under the loss, fits the model to all
    episodes so far, and trains the target actions through the model, half of the time from fresh starts and half from
    collected states.

    Attributes:
        rounds: of collecting, fitting and training.
        iterations: of training the target actions, in each round.
        episodes: in the environment, of target actions and of policies each, in each round.
        tasks: of each update.
        lr: of Adam, at the beginning of a round.
        velocity_cost: weight of squared velocities beside the distance: policies that follow fast target actions
            overshoot and spin.
        action_cost: weight of squared actions beside the distance.
        noise: standard deviation of the noise on actions in the environment.
        error: the same on actions in the model: target actions learn to correct policies that only come near them.
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
        """Train the target actions of ``loss`` and fit the model; the target actions' error."""
        training_config = training_configs[0]
        assert isinstance(loss, Loss)
        assert isinstance(training_config.family, Reaching)
        environment = training_config.family.environment
        assert isinstance(environment, ImaginedReacher)
        generator = torch.Generator().manual_seed(seed)
        episodes: Episodes | None = None
        error = math.nan
        loss.equalise_weights()
        environment.forget(generator)
        with reproducible_compute():
            for _ in range(self.rounds):
                fresh = self._collect(loss, training_config, environment, generator)
                episodes = episodes + fresh if episodes else fresh
                environment.learn(episodes, generator)
                error = self._train(loss, environment, episodes, generator)
        return error

    def quick(self) -> Self:
        """The same in seconds, less well."""
        return replace(self, rounds=1, iterations=2, episodes=2, tasks=4)

    def _collect(
        self, loss: Loss, training_config: TrainingConfig, environment: ImaginedReacher, generator: torch.Generator
    ) -> Episodes:
        """Episodes of the target actions and of policies of all ages."""
        noise = torch.Generator().manual_seed(_seed(generator))
        family = training_config.family
        assert isinstance(family, Reaching)
        params = policies_of_all_ages(loss, training_config, self.episodes, generator)

        def noisy(action: Tensor) -> Tensor:
            return action + self.noise * torch.randn(action.shape, generator=noise)

        def target_actions(observed: Tensor) -> Tensor:
            goal = environment.observed_goal(observed)
            return noisy(loss.target_action(observed, goal, float(torch.rand((), generator=noise))))

        def policies(observed: Tensor) -> Tensor:
            return noisy(vmap(family.answer)(params, observed))

        both = [collect(each, self.episodes, _seed(generator)) for each in (target_actions, policies)]
        return both[0] + both[1]

    def _train(self, loss: Loss, environment: ImaginedReacher, episodes: Episodes, generator: torch.Generator) -> float:
        optimizer = torch.optim.Adam(loss.parameters(), self.lr, betas=(0.9, 0.99))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.iterations)
        for _ in range(self.iterations):
            progress = float(torch.rand((), generator=generator))
            error, cost = self._cost(loss, environment, episodes, progress, generator)
            optimizer.zero_grad()
            torch.autograd.backward(cost)
            torch.nn.utils.clip_grad_norm_(loss.parameters(), 0.3)
            optimizer.step()
            schedule.step()
        return error

    def _cost(
        self, loss: Loss, environment: ImaginedReacher, episodes: Episodes, progress: float, generator: torch.Generator
    ) -> tuple[float, Tensor]:
        """Mean distance at the end, and what is minimised: a mean of logarithms, so that every episode counts."""
        collected = _some(episodes, self.tasks // 2, generator)
        starts = (
            environment.draw(generator, self.tasks - len(collected), "train"),
            environment.recall(collected, generator),
        )
        state = torch.cat(starts)
        distances, effort = list[Tensor](), torch.zeros(self.tasks)
        for _ in range(environment.steps):
            action = loss.target_action(environment.observe(state), environment.goal(state), progress)
            error = self.error * torch.randn(action.shape, generator=generator)
            state = environment.step(state, action + error)
            distances.append((environment.offset(state).square().sum(-1) + _NEAR**2).sqrt())
            effort = (
                effort
                + self.velocity_cost * environment.velocity(state).square().sum(-1)
                + self.action_cost * action.square().sum(-1)
            )
        all_steps, end = torch.stack(distances), torch.stack(distances[-10:])
        cost = all_steps.mean(0) + end.mean(0) + effort / environment.steps
        return float(all_steps[-1].detach().mean()), (cost + 0.02).log().mean()


@dataclass(frozen=True)
class Imitation(ModelBasedPretraining):
    """The same with an expert: target actions learn to be its actions, in all collected states.

    Attributes:
        expert: observations [..., observed] to actions [..., actions].
    """

    expert: Callable[[Tensor], Tensor] = expert

    def _cost(
        self, loss: Loss, environment: ImaginedReacher, episodes: Episodes, progress: float, generator: torch.Generator
    ) -> tuple[float, Tensor]:
        """Mean squared difference from the expert, as a number and as what is minimised."""
        observed = _some(episodes, self.tasks * environment.steps, generator)
        goal = environment.observed_goal(observed)
        difference = loss.target_action(observed, goal, progress) - self.expert(observed)
        cost = difference.square().mean()
        return float(cost.detach()), cost


def policies_of_all_ages(loss: Loss, training_config: TrainingConfig, n: int, generator: torch.Generator) -> Tensors:
    """Parameters of n policies, each after a random number of steps of training under the loss."""
    tasks = training_config.run.sample(training_config.family, generator, n, "train")
    age = torch.randint(training_config.run.steps + 1, (n,), generator=generator)
    policies = {name: p.clone() for name, p in tasks.initial.items()}

    def observe(step: int, params: Tensors) -> None:
        for name, p in params.items():
            policies[name][age == step] = p[age == step]

    steps_apart(training_config.run).under(loss, training_config.family, tasks, observe)
    return policies


def _some(episodes: Episodes, n: int, generator: torch.Generator) -> Tensor:
    """N of the collected observations, with replacement."""
    observations = episodes.observed.flatten(0, 1)
    return observations[torch.randint(len(observations), (n,), generator=generator)]


def _seed(generator: torch.Generator) -> int:
    return int(torch.randint(2**31, (), generator=generator))

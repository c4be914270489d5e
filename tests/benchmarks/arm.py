"""``reacher`` beside the task's own losses through a learned model of the arm, and what an expert adds to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import vmap

from ml3zoo import load_loss
from ml3zoo.evaluate import bootstrap
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import Adam
from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.control.imagination import ImaginedReacher, collect
from ml3zoo.tasks.control.reacher import Reacher
from ml3zoo.tasks.reaching import Reaching
from ml3zoo.training.mountain_car import FinalDistance
from ml3zoo.training.pointmass import MeanDistance

STEPS = (1, 2, 5, 10)
ORDINARY = {"final distance": FinalDistance(), "mean distance": MeanDistance()}


@dataclass(frozen=True)
class Sizes:
    """How much is trained.

    Attributes:
        goals: policies, one for each goal.
        tuning_goals: those that the ordinary losses' learning rate is chosen on.
        rates: learning rates they are tried at.
        episodes: of the arm, that its model is learned from.
        iterations: of the model's fit.
    """

    goals: int = 1500
    tuning_goals: int = 150
    rates: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03, 0.1)
    episodes: int = 64
    iterations: int = 1500


FULL = Sizes()
SMALL = Sizes(goals=4, tuning_goals=2, rates=(0.01, 0.03), episodes=2, iterations=5)


def run(sizes: Sizes) -> None:
    """Print distances of the fingertip from its goal, in m, by number of gradient steps."""
    model = _learned_model(sizes)
    print(f"Distance in m on {sizes.goals} goals after {', '.join(map(str, STEPS))} gradient steps, one roll-out each:")
    ordinary: dict[str, Tensor] = {}
    for name, loss in ORDINARY.items():
        rates = {}
        for lr in sizes.rates:
            tuned_on = _curve(loss, Reaching(model, through=True), lr, sizes.tuning_goals, seed=1)
            rates[lr] = tuned_on[-1].mean().item()
        best = min(rates, key=rates.__getitem__)
        ordinary[name] = _curve(loss, Reaching(model, through=True), best, sizes.goals, seed=0)
        _print(f"{name} through a model of {sizes.episodes} episodes, lr {best:g}", ordinary[name])
    alone, imitating = (_learned_curve(name, sizes.goals) for name in ("reacher", "reacher-imitation"))
    _print("reacher", alone)
    for name, curve in ordinary.items():
        _print(f"reacher less {name}, goal by goal", alone - curve)
    _print("reacher-imitation", imitating)
    _print("what an expert adds, goal by goal", imitating - alone)


def _learned_model(sizes: Sizes) -> ImaginedReacher:
    """A model fitted to episodes of fresh policies, and to nothing else."""
    torch.manual_seed(0)
    model = ImaginedReacher()
    model = replace(model, fit=replace(model.fit, iterations=sizes.iterations))
    family = Reaching(Reacher())
    fresh = family.sample(torch.Generator().manual_seed(0), sizes.episodes, "train").initial

    def explore(observed: Tensor) -> Tensor:
        return vmap(family.answer)(fresh, observed) + 0.3 * torch.randn(sizes.episodes, 2)

    model.learn(collect(explore, sizes.episodes, 0), torch.Generator().manual_seed(0))
    return model


def _learned_curve(name: str, goals: int) -> Tensor:
    """Distances [steps, goals] under a loss of the zoo at its recommended rate."""
    loss = load_loss(name)
    return _curve(loss, Reaching(Reacher()), loss.config.inner.lr, goals, seed=0)


def _curve(loss: nn.Module, family: Reaching, lr: float, goals: int, seed: int) -> Tensor:
    """Distances under the true dynamics [steps, goals] of policies that train on tasks of a family."""
    true = Reaching(Reacher())
    tasks = family.sample(torch.Generator().manual_seed(seed), goals, "test")
    start = {"start": tasks.data["start"][:, :8]}
    distances: list[Tensor] = []

    def observe(step: int, params: Tensors) -> None:
        if step in STEPS:
            distances.append(vmap(true.metric)(params, start))

    InnerRun(Adam(), lr, STEPS[-1]).under(loss, family, tasks, observe)
    return torch.stack(distances)


def _print(title: str, curve: Tensor) -> None:
    results = []
    for distances in curve:
        found = bootstrap(distances.numpy())
        results.append(f"{found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]")
    print(f"  {title}: {', '.join(results)}", flush=True)

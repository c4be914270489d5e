"""``reacher`` beside the task's own losses through a learned model of the arm, and beside what an expert adds to it."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import vmap

from ml3zoo import load_loss
from ml3zoo.evaluate import bootstrap
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import Adam
from ml3zoo.tasks.base import Tensors
from ml3zoo.tasks.control.imagination import ImaginedReacher, meet
from ml3zoo.tasks.control.reacher import Reacher
from ml3zoo.tasks.reaching import Reaching
from ml3zoo.training.mountain_car import FinalDistance
from ml3zoo.training.pointmass import MeanDistance

STEPS = (1, 2, 5, 10)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
ORDINARY = {"final distance": FinalDistance(), "mean distance": MeanDistance()}


def run(*, quick: bool) -> None:
    """Print distances of the fingertip from its goal, in m, by number of gradient steps."""
    goals, episodes, iterations = (4, 2, 5) if quick else (1500, 64, 1500)
    imagined = _learned_model(episodes, iterations)
    print(f"Distance in m on {goals} goals after {', '.join(map(str, STEPS))} gradient steps, one roll-out each:")
    ordinary: dict[str, Tensor] = {}
    for name, loss in ORDINARY.items():
        rates = {lr: _curve(loss, imagined, lr, max(2, goals // 10), seed=1)[-1].mean().item() for lr in RATES}
        best = min(rates, key=rates.__getitem__)
        ordinary[name] = _curve(loss, imagined, best, goals, seed=0)
        _tell(f"{name} through a model of {episodes} episodes, lr {best:g}", ordinary[name])
    alone, imitating = (_learned_curve(name, goals) for name in ("reacher", "reacher-imitation"))
    _tell("reacher", alone)
    for name, curve in ordinary.items():
        _tell(f"reacher less {name}, goal by goal", alone - curve)
    _tell("reacher-imitation", imitating)
    _tell("what an expert adds, goal by goal", imitating - alone)


def _learned_model(episodes: int, iterations: int) -> ImaginedReacher:
    """A model fitted to episodes of fresh policies, and no more."""
    torch.manual_seed(0)
    imagined = ImaginedReacher()
    imagined = replace(imagined, fit=replace(imagined.fit, iterations=iterations))
    family = Reaching(Reacher())
    fresh = family.sample(torch.Generator().manual_seed(0), episodes, "train").initial

    def explore(observed: Tensor) -> Tensor:
        return vmap(family.answer)(fresh, observed) + 0.3 * torch.randn(episodes, 2)

    imagined.learn(meet(explore, episodes, 0), torch.Generator().manual_seed(0))
    return imagined


def _learned_curve(name: str, goals: int) -> Tensor:
    """Distances [steps, goals] under a loss of the zoo at its recommended rate."""
    loss = load_loss(name)
    return _curve(loss, Reacher(), loss.config.inner.lr, goals, seed=0)


def _curve(loss: nn.Module, place: Reacher | ImaginedReacher, lr: float, goals: int, seed: int) -> Tensor:
    """Distances in the true world [steps, goals] of policies that train in a world."""
    true = Reaching(Reacher())
    family = Reaching(place, through=not isinstance(loss, LearnedLoss))
    tasks = family.sample(torch.Generator().manual_seed(seed), goals, "test")
    start = {"start": tasks.data["start"][:, :8]}
    found: list[Tensor] = []

    def observe(step: int, params: Tensors) -> None:
        if step in STEPS:
            found.append(vmap(true.metric)(params, start))

    InnerRun(Adam(), lr, STEPS[-1]).under(loss, family, tasks, observe)
    return torch.stack(found)


def _tell(name: str, curve: Tensor) -> None:
    told = []
    for each in curve:
        found = bootstrap(each.numpy())
        told.append(f"{found.mean:.4f} [{found.low:.4f}, {found.high:.4f}]")
    print(f"  {name}: {', '.join(told)}", flush=True)

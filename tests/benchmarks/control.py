"""Fresh policies in the Gymnasium environment itself: ``mountain-car`` beside a random search of equal cost."""

from __future__ import annotations

import gymnasium
import torch
from torch import nn

from ml3zoo import load_loss
from ml3zoo.control.car import VALLEY
from ml3zoo.control.rollouts import roll_out
from ml3zoo.tasks.optimizees import MLP, Activation

WORLD = "ml3zoo.control.environments:ml3zoo/MountainCar-v0"
STEPS = 10
SHAPES: tuple[tuple[tuple[int, ...], Activation], ...] = (
    ((64,), "tanh"),
    ((48, 48, 48), "tanh"),
    ((100,), "SiLU"),
    ((32, 32), "GELU"),
)


def run(*, quick: bool) -> None:
    """Print the share of policies that arrive within an episode, and the environment steps that took."""
    policies = 2 if quick else 50
    print(
        f"mountain-car in Gymnasium: share of {policies} fresh policies that arrive after {STEPS} gradient steps of one"
    )
    print(f"  roll-out each; of as many searches among {STEPS + 1} fresh policies, the share in which one arrives:")
    for hidden, activation in SHAPES:
        torch.manual_seed(0)
        learned = [_trained(hidden, activation, seed) for seed in range(policies)]
        searched = [_searched(hidden, activation, seed) for seed in range(policies)]
        arrived, steps = (sum(each) / policies for each in zip(*learned, strict=True))
        name = f"{'-'.join(map(str, hidden))} {activation}"
        found = sum(searched) / policies
        print(f"  {name}: learned {arrived:.0%} ({steps:.0f} environment steps); random search {found:.0%}", flush=True)


class Policy(nn.Module):
    """A state in, an action out."""

    def __init__(self, hidden: tuple[int, ...], activation: Activation) -> None:
        super().__init__()
        self.network = MLP((2, *hidden, 1), activation).build()

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """Actions of states."""
        action: torch.Tensor = self.network(VALLEY.scaled(state))
        return action


def _trained(hidden: tuple[int, ...], activation: Activation, seed: int) -> tuple[bool, int]:
    """Whether a fresh policy arrives after the last gradient step, and environment steps taken."""
    world, policy = gymnasium.make_vec(WORLD, num_envs=1), Policy(hidden, activation)
    loss = load_loss("mountain-car", total_steps=STEPS)
    optimizer = loss.make_optimizer(policy.parameters())
    taken = 0
    for step in range(STEPS):
        rolled = roll_out(policy, world, seed=1000 * seed + step)
        states = rolled.lived
        optimizer.zero_grad()
        loss(policy(states), torch.full((len(states), 1), VALLEY.goal), feature=states).backward()
        optimizer.step()
        taken += rolled.taken
    return bool(roll_out(policy, world, seed=1000 * seed + STEPS).terminated), taken


def _searched(hidden: tuple[int, ...], activation: Activation, seed: int) -> bool:
    world = gymnasium.make_vec(WORLD, num_envs=1)
    fresh = (roll_out(Policy(hidden, activation), world, seed=1000 * seed + step) for step in range(STEPS + 1))
    return any(bool(rolled.terminated) for rolled in fresh)

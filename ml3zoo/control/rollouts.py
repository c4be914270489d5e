"""Roll-outs of a policy in Gymnasium's vector environments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ml3zoo.control.needs_gymnasium import AutoresetMode, Box, VectorEnv
from ml3zoo.errors import InputError


@dataclass(frozen=True)
class Rollouts:
    """One episode of each world, up to its own end; time comes first.

    Attributes:
        states: what was observed before each action, [steps, worlds, states].
        alive: which of these belong to an episode that had not ended, [steps, worlds].
        returns: sum of rewards of each episode, [worlds].
        terminated: which episodes ended by themselves, not by running out of time, [worlds].
    """

    states: Tensor
    alive: Tensor
    returns: Tensor
    terminated: Tensor

    @property
    def lived(self) -> Tensor:
        """All states of all episodes, [points, states]."""
        return self.states[self.alive]

    @property
    def taken(self) -> int:
        """How many steps of the environment were taken in all."""
        return int(self.alive.sum())


def roll_out(policy: Callable[[Tensor], Tensor], worlds: VectorEnv, seed: int | None = None) -> Rollouts:
    """Let a policy act, without a gradient, until every world's episode has ended.

    Args:
        policy: states [worlds, states] to actions [worlds, actions]; actions out of range are clipped to it.
        worlds: ``gymnasium.make_vec(...)``; their episodes must end, by themselves or by their time limit.
        seed: of the starts.

    Raises:
        InputError: observations are not vectors of numbers, actions are not continuous, the policy does not fit, or the
            environment fails or observes what is not finite.
    """
    _check(worlds)
    observed, _ = _working(partial(worlds.reset, seed=seed), "at its reset", worlds)
    alive = torch.ones(worlds.num_envs, dtype=torch.bool)
    returns, terminated = torch.zeros(worlds.num_envs), torch.zeros(worlds.num_envs, dtype=torch.bool)
    states, lived = list[Tensor](), list[Tensor]()
    while alive.any():
        state = torch.tensor(observed, dtype=torch.float32)  # a copy: the environment may write over its own
        _check_finite(state[alive], len(states), worlds)
        states.append(state)
        lived.append(alive)
        stepped = partial(worlds.step, _action(policy, state, worlds))
        observed, reward, ended, out_of_time, _ = _working(stepped, f"at step {len(states)} of an episode", worlds)
        returns += torch.where(alive, torch.as_tensor(reward, dtype=torch.float32), 0.0)
        terminated |= alive & torch.as_tensor(ended)
        alive = alive & ~torch.as_tensor(ended | out_of_time)
    return Rollouts(torch.stack(states), torch.stack(lived), returns, terminated)


def _check(worlds: VectorEnv) -> None:
    if not isinstance(worlds, VectorEnv):
        raise InputError(
            f"worlds is a {type(worlds).__name__}: a vector environment was expected. Call gymnasium.make_vec(name, "
            "num_envs=1)."
        )
    for what, space in (("observations", worlds.single_observation_space), ("actions", worlds.single_action_space)):
        if not isinstance(space, Box) or len(space.shape) != 1 or space.dtype.kind != "f":
            raise InputError(
                f"{_name(worlds)} has {what} in {space}: a Box of one dimension and real numbers was expected. Wrap "
                "the environment (gymnasium.wrappers.FlattenObservation) or take one with continuous actions."
            )
    if worlds.metadata.get("autoreset_mode") == AutoresetMode.DISABLED:
        raise InputError(
            f"{_name(worlds)} does not reset by itself: worlds whose episodes end early could not wait for the others. "
            "Leave autoreset_mode at its default."
        )
    if worlds.spec is None or worlds.spec.max_episode_steps is None:
        raise InputError(
            f"{_name(worlds)} tells no time limit: make it by gymnasium.make_vec(name, max_episode_steps=N)."
        )


def _working(work: Callable[[], Any], when: str, worlds: VectorEnv) -> Any:
    try:
        return work()
    except Exception as error:
        raise InputError(
            f"{_name(worlds)} failed {when} ({type(error).__name__}: {error}). The policy is as it was before; correct "
            "the environment."
        ) from error


def _action(policy: Callable[[Tensor], Tensor], state: Tensor, worlds: VectorEnv) -> Any:
    """What the policy does, as the environment takes it."""
    space = worlds.single_action_space
    assert isinstance(space, Box)
    with torch.no_grad():
        action = policy(state)
    if not isinstance(action, Tensor):
        raise InputError(f"the policy gave a {type(action).__name__}: a tensor of actions was expected.")
    wanted = (worlds.num_envs, *space.shape)
    if action.shape != wanted or not action.isfinite().all():
        got = f"shape {tuple(action.shape)}" if action.shape != wanted else "actions that are not finite"
        raise InputError(f"the policy gave {got} in {_name(worlds)}: finite actions of shape {wanted} were expected.")
    return action.cpu().clamp(torch.as_tensor(space.low), torch.as_tensor(space.high)).numpy().astype(space.dtype)


def _check_finite(state: Tensor, steps: int, worlds: VectorEnv) -> None:
    if not state.isfinite().all():
        raise InputError(
            f"{_name(worlds)} observed {state[~state.isfinite().all(-1)][0].tolist()} at step {steps} of an episode: "
            "finite numbers were expected. Look for a division by zero or an unstable simulation there."
        )


def _name(worlds: VectorEnv) -> str:
    return worlds.spec.id if worlds.spec else type(worlds).__name__

"""Roll-outs of a policy in Gymnasium's vector environments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ml3zoo.control.extra import Box, VectorEnv
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
    def steps(self) -> int:
        """How many steps of the environment were taken."""
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
    observed, _ = worlds.reset(seed=seed)
    alive = torch.ones(worlds.num_envs, dtype=torch.bool)
    returns, terminated = torch.zeros(worlds.num_envs), torch.zeros(worlds.num_envs, dtype=torch.bool)
    states, lived = list[Tensor](), list[Tensor]()
    while alive.any():
        state = _finite(torch.as_tensor(observed, dtype=torch.float32), len(states), worlds)
        states.append(state)
        lived.append(alive)
        action = _action(policy, state, worlds)
        try:
            observed, reward, ended, out_of_time, _ = worlds.step(action)
        except Exception as error:
            raise InputError(
                f"{_name(worlds)} failed at step {len(states)} of an episode ({type(error).__name__}: {error}). "
                "The policy is as it was before; correct the environment."
            ) from error
        returns += torch.where(alive, torch.as_tensor(reward, dtype=torch.float32), 0.0)
        terminated |= alive & torch.as_tensor(ended)
        alive = alive & ~torch.as_tensor(ended | out_of_time)
    return Rollouts(torch.stack(states), torch.stack(lived), returns, terminated)


def _check(worlds: VectorEnv) -> None:
    for what, space in (("observations", worlds.single_observation_space), ("actions", worlds.single_action_space)):
        if not isinstance(space, Box) or len(space.shape) != 1:
            raise InputError(
                f"{_name(worlds)} has {what} in {space}: a Box of one dimension was expected. Wrap the environment "
                "(gymnasium.wrappers.FlattenObservation, RescaleAction) or take one with continuous actions."
            )
    if worlds.spec is None or worlds.spec.max_episode_steps is None:
        raise InputError(f"{_name(worlds)} has no time limit: give gymnasium.make_vec one, max_episode_steps=N.")


def _action(policy: Callable[[Tensor], Tensor], state: Tensor, worlds: VectorEnv) -> object:
    space = worlds.single_action_space
    assert isinstance(space, Box)
    with torch.no_grad():
        action = policy(state)
    wanted = (worlds.num_envs, *space.shape)
    if action.shape != wanted or not action.isfinite().all():
        got = f"shape {tuple(action.shape)}" if action.shape != wanted else "actions that are not finite"
        raise InputError(f"the policy gave {got} in {_name(worlds)}: finite actions of shape {wanted} were expected.")
    return action.clamp(torch.as_tensor(space.low), torch.as_tensor(space.high)).numpy().astype(space.dtype)


def _finite(state: Tensor, steps: int, worlds: VectorEnv) -> Tensor:
    if not state.isfinite().all():
        raise InputError(
            f"{_name(worlds)} observed {state[~state.isfinite().all(-1)][0].tolist()} at step {steps} of an episode: "
            "finite numbers were expected. Look for a division by zero or an unstable simulation there."
        )
    return state


def _name(worlds: VectorEnv) -> str:
    return worlds.spec.id if worlds.spec else type(worlds).__name__

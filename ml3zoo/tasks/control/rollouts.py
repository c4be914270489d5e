"""Roll-outs of a policy in Gymnasium's vector environments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ml3zoo.errors import InputError
from ml3zoo.tasks.control.needs_gymnasium import AutoresetMode, Box, VectorEnv


@dataclass(frozen=True)
class Rollouts:
    """One episode of each world, up to its own end; time comes first.

    Attributes:
        states: what was observed before each action, [steps, worlds, states]; zeros after an episode's end.
        actions: what the policy did, before it was clipped to the range of actions, [steps, worlds, actions].
        rewards: what came of it, [steps, worlds]; zeros after an episode's end.
        alive: which steps belong to an episode that had not ended, [steps, worlds].
        end: the last that was observed of each episode, after its last action, [worlds, states].
        terminated: which episodes ended by themselves, not by running out of time, [worlds].
    """

    states: Tensor
    actions: Tensor
    rewards: Tensor
    alive: Tensor
    end: Tensor
    terminated: Tensor

    @property
    def returns(self) -> Tensor:
        """Sum of rewards of each episode, [worlds]."""
        return self.rewards.sum(0, dtype=torch.float64)

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
            environment fails, or observes or rewards with what is not finite.
    """
    check_worlds(worlds)
    observed, _ = _working(partial(worlds.reset, seed=seed), "at its reset", worlds)
    state = torch.tensor(observed, dtype=torch.float32)  # a copy: the environment may write over its own
    _check_finite("observed", state, 0, worlds)
    alive = torch.ones(worlds.num_envs, dtype=torch.bool)
    terminated, end = torch.zeros_like(alive), torch.zeros_like(state)
    steps = list[tuple[Tensor, ...]]()
    while alive.any():
        action = _acted(policy, state, worlds)
        stepped = partial(worlds.step, _clipped(action, worlds))
        observed, given, ended, late, infos = _working(stepped, f"at step {len(steps) + 1} of an episode", worlds)
        reward = torch.where(alive, torch.as_tensor(given, dtype=torch.float32), 0.0)
        steps.append((state, action, reward, alive))
        _check_finite("rewarded", reward[:, None], len(steps), worlds)
        state = torch.tensor(observed, dtype=torch.float32)
        over = alive & torch.as_tensor(ended | late)
        end[over] = _last(state, over, infos, worlds)
        terminated |= alive & torch.as_tensor(ended)
        alive = alive & ~over
        state = torch.where(alive[:, None], state, 0.0)
        _check_finite("observed", torch.cat([state, end[over]]), len(steps), worlds)
    states, actions, rewards, lived = (torch.stack(each) for each in zip(*steps, strict=True))
    return Rollouts(states, actions, rewards, lived, end, terminated)


def check_worlds(worlds: VectorEnv) -> None:
    """See that policies can be rolled out in an environment.

    Raises:
        InputError: it is no vector environment, its observations are no vectors of numbers, its actions not continuous,
            or its episodes may not end.
    """
    if not isinstance(worlds, VectorEnv):
        raise InputError(
            f"worlds is a {type(worlds).__name__}: a vector environment was expected. Call gymnasium.make_vec(name, "
            "num_envs=1)."
        )
    cures = (
        "Wrap the environment (gymnasium.wrappers.FlattenObservation)",
        "Take an environment with continuous actions",
    )
    spaces = worlds.single_observation_space, worlds.single_action_space
    for what, space, cure in zip(("observations", "actions"), spaces, cures, strict=True):
        if not isinstance(space, Box) or len(space.shape) != 1 or space.dtype.kind != "f":
            raise InputError(
                f"{_name(worlds)} has {what} in {space}: a Box of one dimension and real numbers was expected. {cure}."
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


def action_space(worlds: VectorEnv) -> Box:
    """The range of actions in an environment that passed ``check_worlds``."""
    space = worlds.single_action_space
    assert isinstance(space, Box)
    return space


def _working(work: Callable[[], Any], when: str, worlds: VectorEnv) -> Any:
    try:
        return work()
    except Exception as error:
        raise InputError(
            f"{_name(worlds)} failed {when} ({type(error).__name__}: {error}). The policy is as it was before; correct "
            "the environment."
        ) from error


def _acted(policy: Callable[[Tensor], Tensor], state: Tensor, worlds: VectorEnv) -> Tensor:
    """What the policy does, [worlds, actions]."""
    with torch.no_grad():
        action = policy(state)
    if not isinstance(action, Tensor):
        raise InputError(f"the policy gave a {type(action).__name__}: a tensor of actions was expected.")
    wanted = (worlds.num_envs, *action_space(worlds).shape)
    if action.shape != wanted or not action.isfinite().all():
        got = f"shape {tuple(action.shape)}" if action.shape != wanted else "actions that are not finite"
        raise InputError(f"the policy gave {got} in {_name(worlds)}: finite actions of shape {wanted} were expected.")
    return action.cpu().clone()


def _clipped(action: Tensor, worlds: VectorEnv) -> Any:
    """The same as the environment takes it."""
    space = action_space(worlds)
    return action.clamp(torch.as_tensor(space.low), torch.as_tensor(space.high)).numpy().astype(space.dtype)


def _last(state: Tensor, over: Tensor, infos: dict[str, Any], worlds: VectorEnv) -> Tensor:
    """What episodes that are over were last observed in, [episodes, states]."""
    if worlds.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP or not over.any():
        return state[over]
    return torch.stack([torch.tensor(infos["final_obs"][k], dtype=state.dtype) for k in over.nonzero().flatten()])


def _check_finite(what: str, values: Tensor, steps: int, worlds: VectorEnv) -> None:
    if not values.isfinite().all():
        raise InputError(
            f"{_name(worlds)} {what} {values[~values.isfinite().all(-1)][0].tolist()} at step {steps} of an episode: "
            "finite numbers were expected. Look for a division by zero or an unstable simulation there."
        )


def _name(worlds: VectorEnv) -> str:
    return worlds.spec.id if worlds.spec else type(worlds).__name__

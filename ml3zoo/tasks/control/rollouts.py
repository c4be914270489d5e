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
    """One episode in each environment, up to its own end; time comes first.

    Attributes:
        states: observations before each action, [steps, environments, states]; zeros after an episode's end.
        actions: of the policy, before clipping to the range of actions, [steps, environments, actions].
        rewards: after each action, [steps, environments]; zeros after an episode's end.
        alive: whether the episode had not ended before the step, [steps, environments].
        end: observations after the last action of each episode, [environments, states].
        terminated: whether each episode ended by itself, not by its time limit, [environments].
    """

    states: Tensor
    actions: Tensor
    rewards: Tensor
    alive: Tensor
    end: Tensor
    terminated: Tensor

    @property
    def returns(self) -> Tensor:
        """Sum of rewards of each episode, [environments]."""
        return self.rewards.sum(0, dtype=torch.float64)

    @property
    def visited_states(self) -> Tensor:
        """All states of all episodes in which the policy acted, [points, states]."""
        return self.states[self.alive]

    @property
    def env_steps(self) -> int:
        """Number of steps in all environments together."""
        return int(self.alive.sum())


def roll_out(policy: Callable[[Tensor], Tensor], vector_env: VectorEnv, seed: int | None = None) -> Rollouts:
    """Let a policy act, without a gradient, until every environment's episode has ended.

    Args:
        policy: states [environments, states] to actions [environments, actions]; actions out of range are clipped.
        vector_env: ``gymnasium.make_vec(...)``; it must have a time limit.
        seed: of the starts.

    Raises:
        InputError: observations are not vectors of numbers, actions are not continuous, the policy does not fit, the
            environment fails, or an observation or a reward is not finite.
    """
    check_vector_env(vector_env)
    observed, _ = _working(partial(vector_env.reset, seed=seed), "at its reset", vector_env)
    state = torch.tensor(observed, dtype=torch.float32)  # a copy: the environment may write over its own
    _check_finite("observed", state, 0, vector_env)
    alive = torch.ones(vector_env.num_envs, dtype=torch.bool)
    terminated, end = torch.zeros_like(alive), torch.zeros_like(state)
    steps = list[tuple[Tensor, ...]]()
    while alive.any():
        action = _actions(policy, state, vector_env)
        stepped = partial(vector_env.step, _clipped(action, vector_env))
        when = f"at step {len(steps) + 1} of an episode"
        observed, rewards, terminations, truncations, infos = _working(stepped, when, vector_env)
        reward = torch.where(alive, torch.as_tensor(rewards, dtype=torch.float32), 0.0)
        steps.append((state, action, reward, alive))
        _check_finite("rewarded", reward[:, None], len(steps), vector_env)
        state = torch.tensor(observed, dtype=torch.float32)
        over = alive & torch.as_tensor(terminations | truncations)
        end[over] = _last(state, over, infos, vector_env)
        terminated |= alive & torch.as_tensor(terminations)
        alive = alive & ~over
        state = torch.where(alive[:, None], state, 0.0)
        _check_finite("observed", torch.cat([state, end[over]]), len(steps), vector_env)
    states, actions, all_rewards, alive_before = (torch.stack(each) for each in zip(*steps, strict=True))
    return Rollouts(states, actions, all_rewards, alive_before, end, terminated)


def check_vector_env(vector_env: VectorEnv) -> None:
    """Check that policies can be rolled out in an environment.

    Raises:
        InputError: it is no vector environment, its observations are not vectors of numbers, its actions are not
            continuous, or it has no time limit.
    """
    if not isinstance(vector_env, VectorEnv):
        raise InputError(
            f"vector_env is a {type(vector_env).__name__}: a vector environment was expected. Call "
            "gymnasium.make_vec(name, num_envs=1)."
        )
    remedies = (
        "Wrap the environment (gymnasium.wrappers.FlattenObservation)",
        "Take an environment with continuous actions",
    )
    spaces = vector_env.single_observation_space, vector_env.single_action_space
    for what, space, remedy in zip(("observations", "actions"), spaces, remedies, strict=True):
        if not isinstance(space, Box) or len(space.shape) != 1 or space.dtype.kind != "f":
            raise InputError(
                f"{_name(vector_env)} has {what} in {space}: a Box of one dimension and real numbers was expected. "
                f"{remedy}."
            )
    if vector_env.metadata.get("autoreset_mode") == AutoresetMode.DISABLED:
        raise InputError(
            f"{_name(vector_env)} does not reset by itself: environments whose episodes end early could not wait for "
            "the others. Leave autoreset_mode at its default."
        )
    if not _has_time_limit(vector_env):
        raise InputError(
            f"{_name(vector_env)} has no time limit: make it by gymnasium.make_vec(name, max_episode_steps=N)."
        )


def _has_time_limit(vector_env: VectorEnv) -> bool:
    """Whether all its environments truncate, by what they are registered with, made with or wrapped in."""
    made = vector_env.unwrapped
    specs = [vector_env.spec, *(made.get_attr("spec") if hasattr(made, "get_attr") else ())]
    limits = [spec.max_episode_steps if spec else None for spec in specs]
    if limits[0] is not None or (limits[1:] and None not in limits[1:]):
        return True
    envs = getattr(made, "envs", ())
    return bool(envs) and all(env.has_wrapper_attr("_max_episode_steps") for env in envs)


def action_space(vector_env: VectorEnv) -> Box:
    """The range of actions in an environment that passed ``check_vector_env``."""
    space = vector_env.single_action_space
    assert isinstance(space, Box)
    return space


def _working(work: Callable[[], Any], when: str, vector_env: VectorEnv) -> Any:
    try:
        return work()
    except Exception as error:
        raise InputError(
            f"{_name(vector_env)} failed {when} ({type(error).__name__}: {error}). The policy is unchanged; correct "
            "the environment."
        ) from error


def _actions(policy: Callable[[Tensor], Tensor], state: Tensor, vector_env: VectorEnv) -> Tensor:
    """The policy's actions, checked, [environments, actions]."""
    with torch.no_grad():
        action = policy(state)
    if not isinstance(action, Tensor):
        raise InputError(f"the policy gave a {type(action).__name__}: a tensor of actions was expected.")
    expected = (vector_env.num_envs, *action_space(vector_env).shape)
    if action.shape != expected or not action.isfinite().all():
        got = f"shape {tuple(action.shape)}" if action.shape != expected else "actions that are not finite"
        raise InputError(
            f"the policy gave {got} in {_name(vector_env)}: finite actions of shape {expected} were expected."
        )
    return action.cpu().clone()


def _clipped(action: Tensor, vector_env: VectorEnv) -> Any:
    """Actions as the environment takes them."""
    space = action_space(vector_env)
    return action.clamp(torch.as_tensor(space.low), torch.as_tensor(space.high)).numpy().astype(space.dtype)


def _last(state: Tensor, over: Tensor, infos: dict[str, Any], vector_env: VectorEnv) -> Tensor:
    """The last observations of episodes that are over, [episodes, states]."""
    if vector_env.metadata.get("autoreset_mode") != AutoresetMode.SAME_STEP or not over.any():
        return state[over]
    return torch.stack([torch.tensor(infos["final_obs"][k], dtype=state.dtype) for k in over.nonzero().flatten()])


def _check_finite(what: str, values: Tensor, steps: int, vector_env: VectorEnv) -> None:
    if not values.isfinite().all():
        wrong = values[~values.isfinite().all(-1)][0].tolist()
        raise InputError(
            f"{_name(vector_env)} {what} {wrong} at step {steps} of an episode: "
            "finite numbers were expected. Look for a division by zero or an unstable simulation there."
        )


def _name(vector_env: VectorEnv) -> str:
    return vector_env.spec.id if vector_env.spec else type(vector_env).__name__

"""The mountain car and the point mass as Gymnasium environments; importing this module registers them.

``gymnasium.make("ml3zoo.tasks.control.environments:ml3zoo/MountainCar-v0")`` imports it and makes one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ml3zoo.errors import InputError
from ml3zoo.tasks.control.car import BOTTOM, VALLEY, Car
from ml3zoo.tasks.control.needs_gymnasium import Box, gymnasium
from ml3zoo.tasks.control.point_mass import PointMass

Array = NDArray[np.float32]


class MountainCarEnv(gymnasium.Env[Array, Array]):
    """A car that has to swing out of a valley; see ``ml3zoo.tasks.control.car``.

    An observation is position and velocity, an action the engine's power in [-1, 1]. As in Gymnasium's own mountain car
    the goal is worth 100 and a step costs a tenth of the action's square, here of the clipped one. ``reset`` takes
    ``options={"start": (position, velocity)}``.

    Args:
        car: its dynamics; another car than ``VALLEY`` needs ``max_episode_steps=car.steps`` as well.
        spread: largest distance of a start from the bottom, and its largest speed.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own declaration)

    def __init__(self, car: Car = VALLEY, spread: tuple[float, float] = (0.1, 0.1)) -> None:
        self.car, self.spread = car, spread
        self.observation_space = Box(
            np.array([car.leftmost, -car.fastest], np.float32), np.array([car.rightmost, car.fastest], np.float32)
        )
        self.action_space = Box(-1.0, 1.0, (1,), np.float32)
        self._state = torch.tensor([BOTTOM, 0.0], dtype=torch.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """A start near the bottom of the valley, or the one in ``options``."""
        super().reset(seed=seed)
        drawn = np.array([BOTTOM, 0.0]) + np.array(self.spread) * self.np_random.uniform(-1, 1, 2)
        start = np.asarray((options or {}).get("start", drawn))
        if start.dtype.kind not in "fi" or not self.observation_space.contains(start.astype(np.float32)):
            raise InputError(
                f"start is {start.tolist()!r}: position and velocity in {self.observation_space} were expected."
            )
        self._state = torch.as_tensor(start.astype(np.float64))
        return self._observation(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """One step of the car."""
        power = torch.as_tensor(action, dtype=torch.float64).clamp(-1, 1)
        self._state = self.car.step(self._state, power)
        arrived = bool(self.car.arrived(self._state))
        return self._observation(), 100.0 * arrived - 0.1 * float(power.square().sum()), arrived, False, {}

    def _observation(self) -> Array:
        return self._state.numpy().astype(np.float32)


class PointMassEnv(gymnasium.Env[Array, Array]):
    """A point mass that should come to rest at a goal; see ``ml3zoo.tasks.control.point_mass``.

    An observation is position, velocity, goal and the way from the goal, an action the push in [-1, 1]². A step costs
    the distance from the goal. ``reset`` takes ``options={"goal": (x, y)}``; without it goals lie anywhere in reach.

    Args:
        mass: its dynamics; another than ``PointMass()`` needs ``max_episode_steps=mass.steps`` as well.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own declaration)

    def __init__(self, mass: PointMass | None = None) -> None:
        self.mass = mass or PointMass()
        self.observation_space = Box(
            -self.mass.farthest, self.mass.farthest, (len(self.mass.observation_normaliser),), np.float32
        )
        self.action_space = Box(-1.0, 1.0, (2,), np.float32)
        self._state = torch.zeros(6, dtype=torch.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """A start near the origin, at rest, with a goal."""
        super().reset(seed=seed)
        position = self.mass.spread * self.np_random.uniform(-1, 1, 2)
        radius, angle = self.mass.reach * np.sqrt(self.np_random.uniform()), 2 * np.pi * self.np_random.uniform()
        drawn = radius * np.array([np.cos(angle), np.sin(angle)])
        goal = np.asarray((options or {}).get("goal", drawn))
        if goal.dtype.kind not in "fi" or goal.shape != (2,) or not np.linalg.norm(goal) <= self.mass.reach:
            raise InputError(
                f"goal is {goal.tolist()!r}: two numbers, no farther from the origin than {self.mass.reach}, were "
                "expected."
            )
        self._state = torch.as_tensor(np.concatenate([position, np.zeros(2), goal]))
        return self._observation(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """One step of the mass."""
        self._state = self.mass.step(self._state, torch.as_tensor(action, dtype=torch.float64))
        return self._observation(), -float(self.mass.offset(self._state).norm()), False, False, {}

    def _observation(self) -> Array:
        return self.mass.observe(self._state).numpy().astype(np.float32)


gymnasium.register("ml3zoo/MountainCar-v0", f"{__name__}:{MountainCarEnv.__name__}", max_episode_steps=VALLEY.steps)
gymnasium.register("ml3zoo/PointMass-v0", f"{__name__}:{PointMassEnv.__name__}", max_episode_steps=PointMass().steps)

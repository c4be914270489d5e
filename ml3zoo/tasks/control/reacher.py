"""The arm of Gymnasium's ``Reacher-v5``, without MuJoCo. Pure functions of tensors.

Two hinges, each with a motor, an armature and a damping; the second has a soft stop, which is MuJoCo's model of one
constraint in closed form; integrated by the classical Runge-Kutta method, as there. Sources: Gymnasium's
``reacher.xml``; MuJoCo's documentation for the constraint model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from ml3zoo.format.environment import AffineScale, AffineScales
from ml3zoo.tasks.base import Split

_UPPER, _FORE = 0.1, 0.11
"""Lengths from joint to joint and from there to the fingertip, in m."""
_RADIUS, _DENSITY = 0.01, 1000.0
_LINK = 0.1
_CYLINDER = _DENSITY * math.pi * _RADIUS**2 * _LINK
_SPHERE = _DENSITY * 4 / 3 * math.pi * _RADIUS**3
_MASS = _CYLINDER + _SPHERE
_SPIN = _CYLINDER * (_RADIUS**2 / 4 + _LINK**2 / 12) + _SPHERE * (
    0.4 * _RADIUS**2 + 3 / 8 * _RADIUS * _LINK + _LINK**2 / 4
)
"""Inertia of a capsule about its middle, across its length."""
_TIP = _SPHERE
_TIP_SPIN = 0.4 * _SPHERE * _RADIUS**2
_ARMATURE = 1.0
_COUPLING = _UPPER * (_MASS * _LINK / 2 + _TIP * _FORE)
_FORE_INERTIA = _SPIN + _MASS * (_LINK / 2) ** 2 + _TIP_SPIN + _TIP * _FORE**2
_WHOLE_INERTIA = _SPIN + _MASS * (_LINK / 2) ** 2 + (_MASS + _TIP) * _UPPER**2 + _FORE_INERTIA
_GEAR, _DAMPING = 200.0, 1.0
_STOP = 3.0
_TIME_CONSTANT, _SOFTEST, _STIFFEST, _WIDTH = 0.02, 0.9, 0.95, 0.001
_STEP, _SUBSTEPS = 0.01, 2
_SPRING, _DAMPER = 4.0, 0.4
"""Of the expert, in actions per rad and per rad/s."""


@dataclass(frozen=True)
class Reacher:
    """How the arm moves. A state is two angles, their velocities, the goal and the fingertip, [..., 8]; rad, rad/s, m.

    The fingertip is where the environment reports it: at the angles of the last stage of the last integration, which
    are off by some micrometres, or a millimetre where the elbow hits its stop.

    Attributes:
        steps: of an episode, of 0.02 s each.
    """

    steps: int = 50

    observation_normaliser: ClassVar[AffineScales] = tuple(
        AffineScale(scale=scale) for scale in (0.5, 0.5, 0.5, 0.5, 0.3, 0.3, 3.0, 3.0, 0.05, 0.05)
    )
    """Brings an observation to about -1 to 1."""

    def draw(self, generator: torch.Generator, n: int, split: Split) -> Tensor:
        """Starts and goals as the environment draws them, [n, 8]; no two are alike, of any split."""
        radius, angle = (
            0.2 * torch.rand(n, generator=generator).sqrt(),
            2 * math.pi * torch.rand(n, generator=generator),
        )
        goal = torch.stack([radius * angle.cos(), radius * angle.sin()], -1)
        moved = torch.tensor([0.1, 0.1, 0.005, 0.005]) * (2 * torch.rand(n, 4, generator=generator) - 1)
        return torch.cat([moved, goal, fingertip(moved[:, :2])], -1)

    def step(self, state: Tensor, action: Tensor) -> Tensor:
        """The next state.

        Args:
            state: [..., 8].
            action: [..., 2]; beyond [-1, 1] it counts as the nearer end.

        Returns:
            [..., 8].
        """
        torque = _GEAR * action.clamp(-1, 1)
        angle, velocity, goal, _ = torch.split(state, 2, -1)
        for _ in range(_SUBSTEPS):
            angle, velocity, last = _runge_kutta(angle, velocity, torque)
        return torch.cat([angle, velocity, goal, fingertip(last)], -1)

    def goal(self, state: Tensor) -> Tensor:
        """The goal, [..., 2], in m."""
        return state[..., 4:6]

    def observed_goal(self, observed: Tensor) -> Tensor:
        """The goal in observations [..., 10], [..., 2], in m."""
        return observed[..., 4:6]

    def velocity(self, state: Tensor) -> Tensor:
        """Angular velocities, [..., 2], in rad/s."""
        return state[..., 2:4]

    def offset(self, state: Tensor) -> Tensor:
        """The way from the goal to the fingertip, [..., 2], in m."""
        return state[..., 6:] - self.goal(state)

    def observe(self, state: Tensor) -> Tensor:
        """What a policy observes, [..., 10]: cosines, sines, goal, velocities, the way from the goal."""
        angle, velocity, goal, _ = torch.split(state, 2, -1)
        return torch.cat([angle.cos(), angle.sin(), goal, velocity, self.offset(state)], -1)

    def recall(self, observed: Tensor) -> Tensor:
        """The states [..., 8] in which observations [..., 10] were made."""
        cos, sin, goal, velocity, offset = torch.split(observed, 2, -1)
        return torch.cat([torch.atan2(sin, cos), velocity, goal, offset + goal], -1)

    def learned(self) -> dict[str, Tensor]:
        """Nothing: the dynamics are known."""
        return {}

    def move(self, device: torch.device) -> None:
        """Nothing to move."""


def fingertip(angle: Tensor) -> Tensor:
    """Where it is, [..., 2] in m, for angles [..., 2] in rad."""
    upper, fore = angle[..., 0], angle.sum(-1)
    return torch.stack([_UPPER * upper.cos() + _FORE * fore.cos(), _UPPER * upper.sin() + _FORE * fore.sin()], -1)


def expert(observed: Tensor) -> Tensor:
    """A controller that knows the arm's lengths: a spring and a damper towards the joint angles of the goal.

    Args:
        observed: [..., 10].

    Returns:
        Actions in [-1, 1], [..., 2].
    """
    cos, sin, goal, velocity, _ = torch.split(observed, 2, -1)
    angle = torch.atan2(sin, cos)
    farthest = _UPPER + _FORE
    far = goal.norm(dim=-1).clamp(farthest - 2 * _UPPER, farthest - 1e-3)
    elbow = torch.acos(((far.square() - _UPPER**2 - _FORE**2) / (2 * _UPPER * _FORE)).clamp(-1, 1))
    shoulder = torch.atan2(goal[..., 1], goal[..., 0]) - torch.atan2(_FORE * elbow.sin(), _UPPER + _FORE * elbow.cos())
    turn = torch.stack([shoulder, elbow], -1) - angle
    return (_SPRING * torch.atan2(turn.sin(), turn.cos()) - _DAMPER * velocity).clamp(-1, 1)


def _runge_kutta(angle: Tensor, velocity: Tensor, torque: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Angles and velocities after ``_STEP`` seconds, and the angles of the last stage."""
    half = _STEP / 2
    first = _acceleration(angle, velocity, torque)
    velocity_2 = velocity + half * first
    second = _acceleration(angle + half * velocity, velocity_2, torque)
    velocity_3 = velocity + half * second
    third = _acceleration(angle + half * velocity_2, velocity_3, torque)
    velocity_4 = velocity + _STEP * third
    last = angle + _STEP * velocity_3
    fourth = _acceleration(last, velocity_4, torque)
    ahead = angle + _STEP / 6 * (velocity + 2 * velocity_2 + 2 * velocity_3 + velocity_4)
    return ahead, velocity + _STEP / 6 * (first + 2 * second + 2 * third + fourth), last


def _acceleration(angle: Tensor, velocity: Tensor, torque: Tensor) -> Tensor:
    """Angular accelerations [..., 2]."""
    elbow = angle[..., 1]
    coupled, turned = _COUPLING * elbow.cos(), _COUPLING * elbow.sin()
    shoulder_speed, elbow_speed = velocity.unbind(-1)
    whole, shared, fore = _ARMATURE + _WHOLE_INERTIA + 2 * coupled, _FORE_INERTIA + coupled, _ARMATURE + _FORE_INERTIA
    free = torque - _DAMPING * velocity
    on_shoulder = free[..., 0] + turned * elbow_speed * (2 * shoulder_speed + elbow_speed)
    on_elbow = free[..., 1] - turned * shoulder_speed.square()
    determinant = whole * fore - shared.square()
    yielding = whole / determinant
    without = (whole * on_elbow - shared * on_shoulder) / determinant
    on_elbow = on_elbow + _stop_force(elbow, elbow_speed, without, yielding)
    return torch.stack(
        [
            (fore * on_shoulder - shared * on_elbow) / determinant,
            (whole * on_elbow - shared * on_shoulder) / determinant,
        ],
        -1,
    )


def _stop_force(elbow: Tensor, speed: Tensor, acceleration: Tensor, yielding: Tensor) -> Tensor:
    """Torque of the elbow's stop.

    Args:
        elbow: its angle.
        speed: its velocity.
        acceleration: what it would be without a stop.
        yielding: acceleration for a unit of torque.
    """
    side = elbow.sign()
    beyond = elbow.abs() - _STOP
    depth = (beyond.clamp(0, _WIDTH)) / _WIDTH
    stiffness = _SOFTEST + (_STIFFEST - _SOFTEST) * torch.where(
        depth <= 0.5, 2 * depth.square(), 1 - 2 * (1 - depth).square()
    )
    damping = 2 / (_STIFFEST * _TIME_CONSTANT)
    spring = 1 / (_STIFFEST * _TIME_CONSTANT) ** 2
    wanted = damping * side * speed + spring * stiffness * beyond
    softness = (1 - stiffness) / stiffness * _YIELDING_AT_REST
    force = (wanted + side * acceleration).clamp_min(0) / (yielding + softness)
    return torch.where(beyond > 0, -side * force, 0.0)


def _yielding_at_rest() -> float:
    """Acceleration of the elbow for a unit of torque, where the arm is straight."""
    whole, shared = _ARMATURE + _WHOLE_INERTIA + 2 * _COUPLING, _FORE_INERTIA + _COUPLING
    return whole / (whole * (_ARMATURE + _FORE_INERTIA) - shared**2)


_YIELDING_AT_REST = _yielding_at_rest()

"""Dynamics of a planar arm in a vertical plane: ``torque = inertia(q) @ acceleration + bias(q, velocity)``."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

GRAVITY = 9.81


class Arm(NamedTuple):
    """Links of a planar arm, each a thin rod; all [..., links].

    Attributes:
        mass: in kg.
        length: in m.
    """

    mass: Tensor
    length: Tensor

    def inertia(self, q: Tensor) -> Tensor:
        """The inertia matrix in kg m², [..., links, links].

        Args:
            q: joint angles in rad, each relative to the link before, the first to the horizontal, [..., links].
        """
        angle = q.cumsum(-1)
        coupled = self._coupling() * torch.cos(angle[..., :, None] - angle[..., None, :])
        return _to_joints(_to_joints(coupled + torch.diag_embed(self._own_inertia())).mT).mT

    def bias(self, q: Tensor, velocity: Tensor) -> Tensor:
        """Torques of gravity, Coriolis and centrifugal forces in N m, [..., links].

        Args:
            q: joint angles in rad, [..., links].
            velocity: of the joints in rad/s, [..., links].
        """
        angle, turning = q.cumsum(-1), velocity.cumsum(-1)
        coupled = self._coupling() * torch.sin(angle[..., :, None] - angle[..., None, :])
        centrifugal = (coupled * turning.square()[..., None, :]).sum(-1)
        weight = GRAVITY * torch.einsum("...i,...ij->...j", self.mass, self._reach()) * torch.cos(angle)
        return (centrifugal + weight).flip(-1).cumsum(-1).flip(-1)

    def torque(self, q: Tensor, velocity: Tensor, acceleration: Tensor) -> Tensor:
        """The torques that give an acceleration in rad/s², in N m, [..., links]."""
        forces = (self.inertia(q) * acceleration[..., None, :]).sum(-1)
        return forces + self.bias(q, velocity)

    def _reach(self) -> Tensor:
        """How far the centre of link i moves when link k turns alone, [..., i, k]."""
        links = self.length.shape[-1]
        before = torch.ones(links, links).tril(-1).to(self.length)
        return before * self.length[..., None, :] + torch.diag_embed(self.length / 2)

    def _coupling(self) -> Tensor:
        """Inertia that couples links j and k, without the cosine of the angle between them, [..., j, k]."""
        reach = self._reach()
        return torch.einsum("...i,...ij,...ik->...jk", self.mass, reach, reach)

    def _own_inertia(self) -> Tensor:
        return self.mass * self.length.square() / 12


def _to_joints(by_link: Tensor) -> Tensor:
    """From absolute angles of links to relative angles of joints, along the axis before the last."""
    return by_link.flip(-2).cumsum(-2).flip(-2)

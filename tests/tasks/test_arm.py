"""The arm's dynamics, against Lagrange's equations and against MuJoCo."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.func import grad, jacrev

from ml3zoo.tasks.arm import GRAVITY, Arm
from ml3zoo.tasks.inverse_dynamics import InverseDynamics


def some_arm(links: int) -> tuple[Arm, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(links)
    mass, length = 0.5 + torch.rand(2, links, generator=generator, dtype=torch.float64)
    return Arm(mass, length), *torch.randn(3, links, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("links", [1, 2, 3])
def test_torques_follow_from_the_energies(links):
    arm, q, velocity, acceleration = some_arm(links)

    def potential(q: Tensor) -> Tensor:
        rise = arm.length * q.cumsum(-1).sin()
        height = rise.cumsum(-1) - rise / 2
        return GRAVITY * (arm.mass * height).sum()

    def lagrangian(q: Tensor, velocity: Tensor) -> Tensor:
        return 0.5 * velocity @ arm.inertia(q) @ velocity - potential(q)

    momentum = grad(lagrangian, 1)
    change = jacrev(lambda q: momentum(q, velocity))(q) @ velocity + arm.inertia(q) @ acceleration
    torch.testing.assert_close(arm.torque(q, velocity, acceleration), change - grad(lagrangian)(q, velocity))


@pytest.mark.parametrize("links", [2, 3])
def test_mujoco_agrees(links):
    mujoco = pytest.importorskip("mujoco")
    arm, q, velocity, acceleration = some_arm(links)
    bodies, ends = "", ""
    for i, (mass, length) in enumerate(zip(arm.mass.tolist(), arm.length.tolist(), strict=True)):
        place = arm.length[i - 1].item() if i else 0.0
        bodies += (
            f'<body pos="{place} 0 0"><joint type="hinge" axis="0 -1 0"/><inertial pos="{length / 2} 0 0" '
            f'mass="{mass}" diaginertia="1e-9 {mass * length**2 / 12} {mass * length**2 / 12}"/>'
        )
        ends += "</body>"
    model = mujoco.MjModel.from_xml_string(
        f'<mujoco><compiler balanceinertia="true"/><option gravity="0 0 -{GRAVITY}"/>'
        f"<worldbody>{bodies}{ends}</worldbody></mujoco>"
    )
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:], data.qacc[:] = q.numpy(), velocity.numpy(), acceleration.numpy()
    mujoco.mj_inverse(model, data)
    expected = torch.tensor(data.qfrc_inverse.copy())
    torch.testing.assert_close(arm.torque(q, velocity, acceleration), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("links", [2, 3])
def test_a_network_that_knew_the_inertia_would_make_no_error(links):
    family = InverseDynamics(links, points=30, noise=0.0)
    tasks = family.sample(torch.Generator().manual_seed(0), 3, "test")
    assert tasks.data["torque"].shape == (3, 30, links)
    one = {name: x[0] for name, x in tasks.data.items()}
    params = {name: x[0] for name, x in tasks.initial.items()}
    assert family.metric(params, one) > 0.1
    torque = one["inertia_test"] @ one["acceleration_test"][..., None]
    torch.testing.assert_close(torque.squeeze(-1), one["torque_test"])
    assert torch.linalg.eigvalsh(family._inertia(params, one, "")).min() > -1e-6
    assert math.isfinite(family.objective(params, one).item())


def test_splits_share_no_mass():
    family, found = InverseDynamics(2, points=2), {}
    for split in ("train", "valid", "test"):
        inertia = family.sample(torch.Generator().manual_seed(0), 50, split).data["inertia"]
        found[split] = inertia[:, 0, -1, -1]
    assert all(x.isfinite().all() for x in found.values())
    assert not set(found["train"].tolist()) & set(found["test"].tolist())

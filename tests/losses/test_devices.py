"""Losses on a device that has no float64, such as Apple's: a device without numbers stands for it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ml3zoo import load_loss
from ml3zoo.losses import reductions
from ml3zoo.zoo.names import list_losses

DEVICE = "meta"


class NoFloat64(TorchDispatchMode):
    """Refuses every float64 tensor on the device, as it does."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for each in tree_leaves(made):
            if isinstance(each, torch.Tensor) and each.device.type == DEVICE and each.dtype == torch.float64:
                raise TypeError(f"{function}: the device has no float64")
        return made


@pytest.fixture(autouse=True)
def without_float64(monkeypatch):
    monkeypatch.setattr(reductions, "_WITHOUT_FLOAT64", {DEVICE})
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda device: False)
    with NoFloat64():
        yield


def test_it_refuses_float64():
    with pytest.raises(TypeError, match="no float64"):
        torch.zeros(3, device=DEVICE, dtype=torch.float64)


@pytest.mark.filterwarnings("ignore:.*was meta-trained on problems of")
@pytest.mark.parametrize("name", list_losses())
def test_every_loss_works_without_float64(name):
    check(name, 8)


@pytest.mark.parametrize(
    "more",
    [
        {"progress": torch.tensor(0.3, dtype=torch.float64)},
        {"num_items_in_batch": torch.tensor(7.0, dtype=torch.float64)},
        {"sample_weight": torch.ones(10_000)},
        {"mask": torch.ones(10_000, dtype=torch.bool)},
        {},
    ],
    ids=lambda more: next(iter(more), "many points"),
)
def test_all_that_a_call_may_hold_works_without_float64(more):
    check("outlier-regression", 10_000, more)


def check(name: str, points: int, more: Mapping[str, Tensor] = MappingProxyType({})) -> None:
    loss = load_loss(name, total_steps=10)
    example = loss.example(torch.Generator().manual_seed(0), points, 1.0)
    arguments = {key: x.float() if x.is_floating_point() else x for key, x in (*example.items(), *more.items())}
    arguments = {key: (more[key] if x.dim() == 0 else x.to(DEVICE)) for key, x in arguments.items()}
    if loss.config.problem_type == "classification":  # probabilities are looked at
        arguments["target"] = arguments["target"].argmax(1)
    loss.advance(1)
    loss.to(DEVICE)
    prediction = arguments.pop("input").requires_grad_()
    value = loss(prediction, **arguments)
    value.backward()
    loss.advance(1)
    assert (value.device.type, value.dtype, prediction.grad.dtype) == (DEVICE, torch.float32, torch.float32)

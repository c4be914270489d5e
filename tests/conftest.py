from __future__ import annotations

import os

# before anything imports the client: only a loopback Hub can be reached, by plain LFS
os.environ |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_DISABLE_XET": "1", "HF_HUB_OFFLINE": "0"}
os.environ["OMP_NUM_THREADS"] = "1"  # tests run side by side

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from ml3zoo.losses import LearnedLoss
from ml3zoo.recipe import find_recipe
from ml3zoo.zoo.store import save_loss
from tests.loopback import LoopbackHub, loopback_hub


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests come first in both halves, one for each core: what is left at the end is short, and can be shared."""
    slow, fast = ([item for item in items if bool(item.get_closest_marker("slow")) is of] for of in (True, False))
    half = len(items) // 2 - len(slow[::2])
    items[:] = [*slow[::2], *fast[:half], *slow[1::2], *fast[half:]]


@pytest.fixture
def loss() -> LearnedLoss:
    """A fresh, frozen loss whose signals include the error of the batch; it sees how far training is."""
    fresh = find_recipe("sine-regression").fresh_loss(0)
    fresh.requires_grad_(False)
    return fresh


@pytest.fixture
def folder(loss: LearnedLoss, tmp_path: Path) -> Path:
    """That loss in a folder."""
    return save_loss(loss, tmp_path / "a-loss")


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    """A loopback Hub for this test alone."""
    with loopback_hub() as started:
        yield started


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)

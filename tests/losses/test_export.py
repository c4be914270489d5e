"""``torch.export`` takes losses of every family, for a batch of any size."""

from __future__ import annotations

import pytest
import torch

from ml3zoo import load_loss

OF_EVERY_FAMILY = [
    "sine-regression",
    "label-noise",
    "outlier-regression",
    "inverse-dynamics",
    "shaped-sine",
    "reacher",
]


@pytest.mark.parametrize("name", OF_EVERY_FAMILY)
def test_an_exported_loss_gives_what_the_loss_gives(name):
    loss = load_loss(name, total_steps=10)
    small, large = (loss.example(torch.Generator().manual_seed(0), n, 1.0) for n in (6, 31))
    small, large = ({key: value.float() for key, value in batch.items()} for batch in (small, large))
    points = torch.export.Dim("points", min=2)
    exported = torch.export.export(loss, (), small, dynamic_shapes={key: {0: points} for key in small})
    torch.testing.assert_close(exported.module()(**large), loss(**large))

"""Classification losses: called like cross-entropy, whatever form logits and targets have."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from ml3zoo.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.errors import ConfigError, InputError
from ml3zoo.losses import LearnedLoss, build_loss
from ml3zoo.store import read_loss, save_loss

CONFIG = LossConfig(
    name="weighted",
    summary="A weighted cross-entropy.",
    family="mlp",
    kind="classification",
    signals=(
        SignalConfig(signal="probability", transforms=("detach",)),
        SignalConfig(signal="confidence", transforms=("detach",)),
        SignalConfig(signal="mean_probability"),
        SignalConfig(signal="agreement"),
        SignalConfig(signal="classes", transforms=("log",)),
    ),
    architecture={"hidden": [8]},
    inner=InnerConfig(lr=0.1, steps=10),
)


@pytest.fixture
def weighted() -> LearnedLoss:
    torch.manual_seed(0)
    loss = build_loss(CONFIG)
    loss.reset_parameters()
    return loss.requires_grad_(False)


def plain(loss: LearnedLoss) -> LearnedLoss:
    """A weight of one: what is left is cross-entropy."""
    for p in loss.parameters():
        p.zero_()
    return loss


LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 3, 3, 0])


def test_without_a_weight_it_is_cross_entropy(weighted):
    torch.testing.assert_close(plain(weighted)(LOGITS, CLASSES), F.cross_entropy(LOGITS, CLASSES))
    soft = LOGITS.flip(0).softmax(-1)
    torch.testing.assert_close(weighted(LOGITS, soft), F.cross_entropy(LOGITS, soft))


def test_indices_and_certain_probabilities_are_the_same(weighted):
    certain = F.one_hot(CLASSES, 4).float()
    torch.testing.assert_close(weighted(LOGITS, CLASSES), weighted(LOGITS, certain))
    torch.testing.assert_close(weighted(LOGITS, CLASSES.int()), weighted(LOGITS, CLASSES))


def test_more_axes_come_after_the_classes(weighted):
    weighted.reduction = "none"
    image, labels = LOGITS.T.reshape(1, 4, 2, 3), CLASSES.reshape(1, 2, 3)
    value = weighted(image, labels)
    assert value.shape == (1, 2, 3)
    torch.testing.assert_close(value.flatten(), weighted(LOGITS, CLASSES))
    assert weighted(LOGITS[0], CLASSES[0]).shape == ()


@pytest.mark.parametrize("classes", [2, 3, 20, 1000])
def test_any_number_of_classes(weighted, classes):
    logits = torch.randn(5, classes, generator=torch.Generator().manual_seed(0), requires_grad=True)
    weighted(logits, torch.arange(5) % classes).backward()
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize(
    ("logits", "target", "message"),
    [
        (LOGITS, torch.full((6,), 4), "none of the classes 0 to 3"),
        (LOGITS, torch.full((6,), -1), "none of the classes"),
        (LOGITS, CLASSES[:5], "class indices"),
        (LOGITS, CLASSES.float(), "class indices"),
        (LOGITS, CLASSES[:, None], "class indices"),
        (LOGITS[:, :1], CLASSES, "at least 2 classes"),
        (torch.tensor(0.5), torch.tensor(0), "at least 2 classes"),
    ],
)
def test_what_does_not_fit_is_refused(weighted, logits, target, message):
    with pytest.raises(InputError, match=message):
        weighted(logits, target)


def test_signals_of_another_kind_are_refused():
    with pytest.raises(ConfigError, match="cannot look at 'error', only at agreement"):
        CONFIG.replace(signals=(SignalConfig(signal="error"),))
    with pytest.raises(ConfigError, match="centering is for regression"):
        build_loss(CONFIG.replace(architecture={"hidden": [], "centering": True}))


def test_a_kind_that_cannot_be_computed_is_refused():
    with pytest.raises(ConfigError, match="trajectory loss, which this ml3zoo cannot compute"):
        build_loss(CONFIG.replace(kind="trajectory", signals=(SignalConfig(signal="progress"),)))


def test_it_is_stored_with_golden_tensors(weighted, tmp_path):
    stored = read_loss(save_loss(weighted, tmp_path / "weighted"), replay=True)
    assert torch.equal(stored(LOGITS, CLASSES), weighted(LOGITS, CLASSES))

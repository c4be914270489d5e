"""Classification losses: called like cross-entropy, whatever form logits and targets have."""

from __future__ import annotations

import pytest
import torch
from torch.func import grad, vmap
from torch.nn import functional as F

from ml3zoo.errors import ConfigError, InputError
from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.format.problem_types import find_problem_type
from ml3zoo.losses import LearnedLoss, build_loss
from ml3zoo.losses.conventions import convention_of
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.ordinary import FocalLoss, PartlyLabelled
from ml3zoo.losses.reductions import Reductions
from ml3zoo.zoo.loading import load_loss
from ml3zoo.zoo.names import describe
from ml3zoo.zoo.store import read_loss, save_loss

CONFIG = LossConfig(
    name="terms",
    summary="A weighted cross-entropy.",
    family="mlp",
    problem_type="classification",
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


def unweighted(loss: LearnedLoss) -> LearnedLoss:
    """Weights of 1: cross-entropy remains."""
    for p in loss.parameters():
        p.zero_()
    return loss


LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 3, 3, 0])


def test_without_a_weight_it_is_cross_entropy(weighted):
    torch.testing.assert_close(unweighted(weighted)(LOGITS, CLASSES), F.cross_entropy(LOGITS, CLASSES))
    soft = LOGITS.flip(0).softmax(-1)
    torch.testing.assert_close(weighted(LOGITS, soft), F.cross_entropy(LOGITS, soft))


def told_of_counts(**architecture) -> LearnedLoss:
    """A loss that looks at how frequent classes are; its weights are 1."""
    signals = (SignalConfig(signal="log_class_share"), SignalConfig(signal="mean_probability"))
    config = CONFIG.replace(signals=signals, architecture={"hidden": [4], **architecture})
    return unweighted(build_loss(config).requires_grad_(False))


def test_logits_can_be_adjusted_by_how_frequent_classes_are():
    counts = torch.tensor([100, 1, 10, 0])
    loss = told_of_counts(terms=["adjusted_cross_entropy"])
    expected = F.cross_entropy(LOGITS + counts.clamp_min(0.5).log(), CLASSES)
    torch.testing.assert_close(loss(LOGITS, CLASSES, class_counts=counts), expected)
    torch.testing.assert_close(loss(LOGITS, F.one_hot(CLASSES, 4).float(), class_counts=counts), expected)
    extreme = torch.tensor([[1e30, 0.0, -1e30, -torch.inf]], requires_grad=True)
    loss(extreme, torch.tensor([1]), class_counts=counts).backward()
    assert extreme.grad.isfinite().all()
    by_term = CONFIG.replace(architecture={"hidden": [4], "terms": ["adjusted_cross_entropy"]})
    assert build_loss(by_term).uses >= {"class_counts"}
    assert "class_counts" not in build_loss(CONFIG).uses


def test_frequent_classes_are_told_from_rare_ones():
    counts = torch.tensor([30, 10, 0, 60])
    given = convention_of(CONFIG).given(LOGITS, CLASSES, torch.float64)
    inputs = LossInputs(
        find_problem_type("classification"), given | {"class_counts": counts.double()}, Reductions(CLASSES.shape)
    )
    share = counts.clamp_min(0.5).double() / counts.clamp_min(0.5).sum()
    torch.testing.assert_close(inputs["log_class_share"], (4 * share).log()[CLASSES])


def test_class_counts_go_with_each_task():
    loss = told_of_counts(terms=["adjusted_cross_entropy"])
    counts = torch.tensor([[100, 1, 10, 2], [1, 1, 1, 1]])
    logits = torch.stack([LOGITS, LOGITS.flip(0)])
    together = vmap(grad(lambda z, n: loss(z, CLASSES, class_counts=n)))(logits, counts)
    for each, z, n in zip(together, logits, counts, strict=True):
        torch.testing.assert_close(each, grad(F.cross_entropy)(z + n.log(), CLASSES))
    assert loss.context(LOGITS, CLASSES, class_counts=counts[0]).keys() == {"mean_probability"}


def test_a_loss_told_of_counts_is_stored(tmp_path):
    loss = told_of_counts(terms=["cross_entropy", "adjusted_cross_entropy"])
    stored = read_loss(save_loss(loss, tmp_path / "terms"), replay=True)
    counts = torch.tensor([5, 1, 2, 3])
    torch.testing.assert_close(stored(LOGITS, CLASSES, class_counts=counts), loss(LOGITS, CLASSES, class_counts=counts))


def test_class_counts_are_told_once(tmp_path):
    counts = torch.tensor([5, 1, 2, 3])
    folder = save_loss(told_of_counts(terms=["adjusted_cross_entropy"]), tmp_path / "terms")
    loss = load_loss(folder, class_counts=counts)
    expected = F.cross_entropy(LOGITS + counts.log(), CLASSES)
    torch.testing.assert_close(loss(LOGITS, CLASSES), expected)
    torch.testing.assert_close(loss(LOGITS, CLASSES, class_counts=torch.ones(4)), F.cross_entropy(LOGITS, CLASSES))
    resumed = load_loss(folder, class_counts=torch.ones(4))
    resumed.load_state_dict(loss.state_dict())
    torch.testing.assert_close(resumed(LOGITS, CLASSES), expected)
    untold = load_loss(folder)
    untold.load_state_dict(loss.state_dict())
    with pytest.raises(InputError, match="class_counts of shape"):
        untold(LOGITS, CLASSES)
    assert describe(folder).use.endswith(", class_counts=torch.bincount(target))")


@pytest.mark.parametrize("counts", [torch.tensor([1.0, -1.0]), torch.ones(2, 2), [1, 2]])
def test_class_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(InputError, match=r"class_counts must be a tensor \[classes\] of finite numbers from 0, got"):
        told_of_counts().target_options(class_counts=counts)


def test_class_counts_that_are_missing_are_asked_for():
    for counts, got in ((None, "none"), (torch.ones(3), r"shape \(3,\)")):
        with pytest.raises(InputError, match=rf"terms looks at.*of shape \(4,\) were expected, got {got}.*minlength=4"):
            told_of_counts()(LOGITS, CLASSES, class_counts=counts)


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
def test_tensors_that_do_not_fit_are_refused(weighted, logits, target, message):
    with pytest.raises(InputError, match=message):
        weighted(logits, target)


def test_signals_of_another_problem_type_are_refused():
    with pytest.raises(ConfigError, match=r"unknown signal 'error': a classification loss has .*agreement"):
        CONFIG.replace(signals=(SignalConfig(signal="error"),))
    with pytest.raises(ConfigError, match="centering needs a signal 'error', which classification losses"):
        build_loss(CONFIG.replace(architecture={"hidden": [], "centering": True}))


def test_a_family_is_not_for_every_problem_type():
    with pytest.raises(ConfigError, match="family must be trajectory, got mlp"):
        build_loss(CONFIG.replace(problem_type="trajectory", signals=(SignalConfig(signal="progress"),)))
    with pytest.raises(ConfigError, match="a trajectory loss looks at state, action, goal and, optionally, progress"):
        build_loss(
            CONFIG.replace(
                family="trajectory", architecture={name: [{}] for name in ("state", "action", "goal")} | {"hidden": []}
            )
        )


def test_it_is_stored_with_golden_tensors(weighted, tmp_path):
    stored = read_loss(save_loss(weighted, tmp_path / "terms"), replay=True)
    assert torch.equal(stored(LOGITS, CLASSES), weighted(LOGITS, CLASSES))


def inputs_of(logits, targets):
    convention = convention_of(CONFIG)
    given = convention.given(logits, targets, torch.float32)
    return LossInputs(find_problem_type("classification"), given, Reductions(convention.points(logits)))


def test_statistics_of_targets_and_predictions():
    targets = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0]])
    inputs = inputs_of(torch.zeros(3, 4), targets)
    torch.testing.assert_close(inputs["target_certainty"], torch.tensor([1.0, 0.0, 1 / 3]))
    torch.testing.assert_close(inputs["mean_certainty"], torch.tensor(4 / 9))
    torch.testing.assert_close(inputs["balance"], torch.tensor(1.0))
    torch.testing.assert_close(inputs["improbability"], torch.full((3,), 0.75))
    lopsided = inputs_of(torch.tensor([[50.0, 0, 0, 0]] * 3), torch.zeros(3).long())
    assert lopsided["balance"] < 1e-4
    assert lopsided["label_balance"] == 0
    assert lopsided["target_certainty"].tolist() == [1, 1, 1]
    torch.testing.assert_close(inputs_of(torch.zeros(4, 4), torch.arange(4))["label_balance"], torch.tensor(1.0))
    soft = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    torch.testing.assert_close(inputs_of(torch.zeros(2, 4), soft)["label_balance"], torch.tensor(0.75))


def test_crowding_has_the_gradient_of_the_entropy_of_the_mean_prediction():
    logits = (LOGITS + torch.tensor([3.0, 0, 0, 0])).requires_grad_()
    inputs = inputs_of(logits, CLASSES)
    mean = logits.softmax(-1).mean(0)
    gradients = [
        torch.autograd.grad(value, logits)[0] for value in (inputs["crowding"].mean(), (mean * mean.log()).sum())
    ]
    torch.testing.assert_close(*gradients)


def test_a_point_without_a_label_has_no_labelled_cross_entropy():
    targets = torch.cat([F.one_hot(CLASSES[:4], 4).float(), torch.full((2, 4), 0.25)])
    inputs = inputs_of(LOGITS, targets)
    expected = F.cross_entropy(LOGITS, CLASSES, reduction="none") * torch.tensor([1, 1, 1, 1, 0, 0])
    torch.testing.assert_close(inputs["labelled_cross_entropy"], expected)


def test_partly_labelled_adds_up_its_parts():
    known = F.one_hot(CLASSES[:4], 4).float()
    targets = torch.cat([known, torch.full((2, 4), 0.25)])
    supervised = F.cross_entropy(LOGITS[:4], CLASSES[:4])
    torch.testing.assert_close(PartlyLabelled()(LOGITS, targets), supervised)
    focal = PartlyLabelled(FocalLoss(2.0, "none"))(LOGITS, targets)
    torch.testing.assert_close(focal, FocalLoss(2.0)(LOGITS[:4], CLASSES[:4]))
    others = LOGITS[4:].log_softmax(-1)
    entropy = -(others * others.exp()).sum(-1).mean()
    torch.testing.assert_close(PartlyLabelled(entropy=0.5)(LOGITS, targets), supervised + 0.5 * entropy)
    mean = others.exp().mean(0)
    information = entropy + 2 * (mean * mean.log()).sum()
    balanced = PartlyLabelled(entropy=0.5, balance=2.0)(LOGITS, targets)
    torch.testing.assert_close(balanced, supervised + 0.5 * information)
    guess = F.cross_entropy(LOGITS[4:], LOGITS[4:].argmax(-1))
    torch.testing.assert_close(PartlyLabelled(pseudo=0.5)(LOGITS, targets), supervised + 0.5 * guess)
    torch.testing.assert_close(PartlyLabelled(pseudo=0.5, threshold=1.0)(LOGITS, targets), supervised)

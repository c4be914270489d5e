"""Which points of a batch count, and how much: masks, weights, the options of cross-entropy, points
that are no numbers.
"""

from __future__ import annotations

import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ml3zoo import list_losses, load_loss
from ml3zoo.errors import InputError
from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.losses import LearnedLoss, build_loss
from tests.families import NAMES, example_loss

REDUCTIONS = ("none", "sum", "mean")
OF_THE_RUN = ("progress", "class_counts")
"""Arguments that are not of the points."""


@pytest.fixture(params=[*list_losses(), *NAMES])
def any_loss(request: pytest.FixtureRequest) -> LearnedLoss:
    loss = example_loss(request.param) if request.param in NAMES else load_loss(request.param)
    return loss.double()


def arguments(loss: LearnedLoss, n: int, seed: int = 0) -> dict[str, torch.Tensor]:
    return loss.example(torch.Generator().manual_seed(seed), n, 1.0) | {"progress": torch.tensor(0.5)}


def chosen(batch: dict[str, torch.Tensor], which: torch.Tensor) -> dict[str, torch.Tensor]:
    return {name: value if name in OF_THE_RUN else value[which] for name, value in batch.items()}


def value_and_gradient(loss, batch, **more) -> tuple[torch.Tensor, torch.Tensor]:
    prediction = batch["input"].clone().requires_grad_()
    value = loss(**batch | {"input": prediction}, **more)
    return value.detach(), torch.autograd.grad(value.sum(), prediction)[0]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("junk", [0.0, 1e9, math.nan, -math.inf])
def test_masked_points_are_as_if_they_were_not_there(any_loss, reduction, junk):
    any_loss.reduction = reduction
    batch, mask = arguments(any_loss, 10), torch.arange(10) % 3 > 0
    expected = value_and_gradient(any_loss, chosen(batch, mask))
    spoilt = {name: value.clone() for name, value in batch.items()}
    for name in ("input", "target", "feature"):
        if name in spoilt and spoilt[name].is_floating_point():
            spoilt[name][~mask] = junk
    value, gradient = value_and_gradient(any_loss, spoilt, mask=mask)
    torch.testing.assert_close(value if value.dim() == 0 else value[mask], expected[0])
    torch.testing.assert_close(gradient[mask], expected[1])
    assert not gradient[~mask].any()
    assert value.dim() == 0 or not value[~mask].any()


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_weight_is_a_number_of_copies(any_loss, reduction):
    any_loss.reduction = reduction
    copies = torch.tensor([2, 1, 0, 3, 1, 2])
    batch = arguments(any_loss, 6)
    repeated = chosen(batch, torch.arange(6).repeat_interleave(copies))
    expected = value_and_gradient(any_loss, repeated)
    value, gradient = value_and_gradient(any_loss, batch, sample_weight=copies)
    if any_loss.config.family == "matching":  # one value for the whole batch, which a sum adds up
        return
    torch.testing.assert_close(value, expected[0])
    summed = torch.zeros_like(gradient).index_add_(0, torch.arange(6).repeat_interleave(copies), expected[1])
    torch.testing.assert_close(gradient, summed)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("how", ["mask", "sample_weight", "nan"])
def test_a_batch_without_points_is_zero_with_a_graph(any_loss, reduction, how):
    any_loss.reduction = reduction
    batch = arguments(any_loss, 4)
    more = {"mask": torch.zeros(4, dtype=torch.bool)} if how == "mask" else {"sample_weight": torch.zeros(4)}
    if how == "nan":
        batch["input"] = torch.full_like(batch["input"], math.nan)
    value, gradient = value_and_gradient(any_loss, batch, **more)
    assert not value.any()
    assert not gradient.any()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["input", "target"])
def test_points_that_are_no_numbers_leave_the_others_alone(any_loss, bad, where):
    any_loss.reduction = "none"
    batch = arguments(any_loss, 9)
    expected = value_and_gradient(any_loss, chosen(batch, torch.arange(9) != 4))
    batch[where][4] = bad
    value, gradient = value_and_gradient(any_loss, batch)
    torch.testing.assert_close(torch.cat([value[:4], value[5:]]), expected[0])
    torch.testing.assert_close(torch.cat([gradient[:4], gradient[5:]]), expected[1])
    assert value[4].isnan()
    assert not gradient[4].any()
    any_loss.reduction = "mean"
    assert any_loss(**batch).isnan()


@pytest.mark.parametrize("name", ["taylor-regression", "mlp-classification", "trajectory-trajectory"])
def test_a_graph_that_is_traced_leaves_out_the_same_points(name):
    any_loss = example_loss(name).double()
    torch.compiler.reset()
    any_loss.reduction = "none"
    batch = arguments(any_loss, 9)
    batch["input"][4] = math.nan
    eager = any_loss(**batch)
    traced = torch.compile(any_loss, backend="eager", fullgraph=True)(**batch)
    torch.testing.assert_close(traced, eager, equal_nan=True)


def cross_entropy(**options) -> LearnedLoss:
    """A loss that is cross-entropy: a weight of 1."""
    config = LossConfig(
        name="plain",
        summary="For tests.",
        family="taylor",
        problem_type="classification",
        signals=(SignalConfig(signal="probability"),),
        architecture={"order": 1},
        inner=InnerConfig(lr=0.1, steps=1),
    )
    loss = build_loss(config).double()
    loss.target_options(ignore_index=-100, **options)
    return loss


LOGITS = torch.randn(7, 4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
CLASSES = torch.randint(4, (7, 3), generator=torch.Generator().manual_seed(2))
PROBABILITIES = torch.randn(7, 4, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64).softmax(1)
WEIGHT = torch.tensor([1.0, 2.5, 0.0, 0.5], dtype=torch.float64)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("smoothing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("target", ["classes", "ignored", "probabilities"])
def test_options_mean_what_they_mean_in_torch(reduction, weight, smoothing, target):
    target = {"classes": CLASSES, "ignored": CLASSES.clone(), "probabilities": PROBABILITIES}[target]
    if target.shape == CLASSES.shape and target is not CLASSES:
        target[::2] = -100
    loss = cross_entropy(weight=weight, label_smoothing=smoothing)
    loss.reduction = reduction
    value, gradient = value_and_gradient(loss, {"input": LOGITS, "target": target})
    logits = LOGITS.clone().requires_grad_()
    expected = F.cross_entropy(logits, target, weight=weight, reduction=reduction, label_smoothing=smoothing)
    torch.testing.assert_close(value, expected.detach())
    torch.testing.assert_close(gradient, torch.autograd.grad(expected.sum(), logits)[0])


@pytest.mark.parametrize("name", ["label-noise", "digits-pairs"])
def test_ignored_points_are_as_if_they_were_not_there(name):
    loss = load_loss(name, ignore_index=-1)
    target = CLASSES.clone()
    target[2:4] = -1
    logits = LOGITS.float()
    kept = torch.tensor([0, 1, 4, 5, 6])
    torch.testing.assert_close(loss(logits, target, progress=0.5), loss(logits[kept], CLASSES[kept], progress=0.5))


@pytest.mark.parametrize("name", ["label-noise", "digits-pairs"])
def test_a_class_that_cannot_be_leaves_the_others_alone(name):
    loss = load_loss(name, reduction="none")
    logits, target = LOGITS.float().clone(), CLASSES % 3
    logits[:, 3] = -math.inf
    value, gradient = value_and_gradient(loss, {"input": logits, "target": target, "progress": torch.tensor(0.5)})
    assert value.isfinite().all()
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 1e4


def test_num_items_in_batch_divides_the_sum():
    loss = load_loss("label-noise")
    loss.reduction = "sum"
    total = loss(LOGITS.float(), CLASSES, progress=0.5)
    loss.reduction = "mean"
    for items in (42, 42.0, torch.tensor(42)):
        torch.testing.assert_close(loss(LOGITS.float(), CLASSES, progress=0.5, num_items_in_batch=items), total / 42)
    for wrong in (0, -1, math.inf, "6", torch.ones(2)):
        with pytest.raises(InputError, match="num_items_in_batch must be one number above 0"):
            loss(LOGITS.float(), CLASSES, progress=0.5, num_items_in_batch=wrong)


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ([1], "context must be tensors by name"),
        ({"agreement": 0.5}, "context must be tensors by name"),
        ({"typical_error": torch.tensor(1.0)}, "context has 'typical_error', but label-noise looks at agreement"),
    ],
)
def test_a_context_is_that_of_the_loss(context, message):
    with pytest.raises(InputError, match=message):
        load_loss("label-noise")(LOGITS.float(), CLASSES, progress=0.5, context=context)


@pytest.mark.parametrize(
    "name", ["label-noise", "digits-pairs", "outlier-regression", "sine-regression", "shaped-sine"]
)
@pytest.mark.parametrize("size", [64, 8])
def test_micro_batches_with_the_context_of_the_whole_have_its_gradient(name, size):
    loss = load_loss(name)
    batch = {key: x.float() for key, x in arguments(loss, 512).items()}
    expected = value_and_gradient(loss, batch)[1]
    more = {"feature": batch["feature"]} if loss.uses_feature else {}
    context = loss.context(batch["input"], batch["target"], **more)
    parts = [chosen(batch, rows) for rows in torch.arange(512).split(size)]
    gradients = [value_and_gradient(loss, part, context=context)[1] for part in parts]
    torch.testing.assert_close(torch.cat(gradients) * size / 512, expected)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"mask": torch.ones(3)}, "mask has shape .* booleans of shape"),
        ({"mask": torch.ones(3, 1, dtype=torch.bool)}, "mask has shape"),
        ({"mask": [True] * 3}, "mask must be a tensor, got list"),
        ({"sample_weight": torch.ones(1)}, "sample_weight has shape"),
        ({"sample_weight": torch.tensor([1.0, -1.0, 1.0])}, "sample_weight must be finite and at least 0"),
        ({"sample_weight": torch.tensor([1.0, math.nan, 1.0])}, "sample_weight must be finite and at least 0"),
    ],
)
def test_wrong_arguments_are_refused(more, message):
    with pytest.raises(InputError, match=message):
        load_loss("sine-regression")(torch.zeros(3), torch.zeros(3), progress=0.5, **more)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_smoothing": 1.5}, r"label_smoothing must lie in \[0, 1\], got 1.5"),
        ({"ignore_index": 0.5}, "ignore_index must be a whole number"),
        ({"weight": [1.0, 2.0]}, "weight must be a tensor"),
        ({"weight": torch.tensor([1.0, -2.0])}, "weight must be a tensor"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        load_loss("label-noise", **options)


def test_options_of_classes_are_refused_by_other_losses():
    with pytest.raises(InputError, match="sine-regression has no label_smoothing, only losses of classes have one"):
        load_loss("sine-regression", label_smoothing=0.1)
    with pytest.raises(InputError, match="weight has a number for each of 3 classes, input has 4 classes"):
        load_loss("label-noise", weight=torch.ones(3))(LOGITS.float(), CLASSES, progress=0.5)


@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        ((8,), torch.ones(8), r"Single logits z of a binary problem with labels y: give torch.stack"),
        ((8, 1), torch.ones(8, 1), r"single logits z .* of a binary problem"),
        ((8, 3), torch.tensor([[1.0, 0, 1]] * 8), "several labels per point"),
        ((8, 3), torch.tensor([[2.0, -1, 0]] * 8), "must add up to 1"),
        ((8, 5, 3), torch.zeros(8, 5).long(), r"Give input.movedim\(-1, 1\)"),
        ((8, 3), torch.full((8,), 3), "none of the classes 0 to 2"),
    ],
)
def test_what_could_be_meant_otherwise_is_refused(shape, target, message):
    with pytest.raises(InputError, match=message):
        load_loss("label-noise")(torch.zeros(shape), target, progress=0.5)


@pytest.mark.parametrize("name", ["label-noise", "sine-regression"])
def test_swapped_arguments_are_noticed(name):
    loss = load_loss(name)
    batch = arguments(loss, 6)
    with pytest.raises(InputError, match="seem to be swapped"):
        loss(batch["target"].float(), batch["input"].float().requires_grad_(), progress=0.5)


REGRESSIONS = ["sine-regression", "outlier-regression", "inverse-dynamics"]


def regression_call(loss: LearnedLoss, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    feature = {"feature": torch.ones_like(target)} if loss.uses_feature else {}
    prediction = prediction.clone().requires_grad_()
    loss(prediction, target, progress=0.5, **feature).backward()
    return prediction.grad


@pytest.mark.parametrize("name", REGRESSIONS)
@given(
    jitter=st.floats(0, 1e-3),
    equal=st.integers(0, 32),
    centre=st.sampled_from([0.0, 5.0, -300.0]),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_nearly_equal_targets_keep_the_gradient_bounded_and_continuous(name, jitter, equal, centre, scale):
    loss = load_loss(name)
    noise, spread, error = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
    target = scale * torch.where(torch.arange(32) < equal, centre + jitter * noise, centre + spread)
    prediction = target + scale * error
    gradient = regression_call(loss, prediction, target)
    squared = 2 * (prediction - target) / 32
    assert gradient.isfinite().all()
    assert gradient.norm() <= 450 * squared.norm()
    nearby = target + 1e-3 * jitter * scale * spread
    change = (regression_call(loss, prediction, nearby) - gradient).norm()
    assert change <= 0.2 * gradient.norm() + 0.2 * squared.norm()


def test_a_problem_of_more_classes_than_the_loss_was_made_for_warns_once():
    loss = load_loss("label-noise", total_steps=9)
    logits = torch.zeros(2, 1000, requires_grad=True)
    with pytest.warns(UserWarning, match="meta-trained on problems of 2 to 12 classes; this one has 1000"):
        loss(logits, torch.tensor([1, 999]))
    loss.follow(torch.optim.SGD([logits], 0.1))
    loss(logits, torch.tensor([1, 999]))
    load_loss("label-noise", total_steps=9)(logits[:, :10], torch.tensor([1, 9]))


@pytest.mark.parametrize("name", [*REGRESSIONS, "sine-regression-paper"])
@pytest.mark.parametrize("wild", [1e15, 1e19, 1e30, 3e38])
def test_one_wild_prediction_leaves_the_others_a_gradient(name, wild):
    loss = load_loss(name)
    target, error = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    prediction = target + error
    prediction[3] = wild
    gradient = regression_call(loss, prediction, target)
    assert gradient.isfinite().all()
    assert gradient.abs().max() < 1e18


@pytest.mark.parametrize("name", REGRESSIONS)
@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e12])
def test_the_scale_of_targets_may_be_any(name, scale):
    loss = load_loss(name)
    target, error = scale * torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    assert regression_call(loss, target + error, target).isfinite().all()


def test_labels_are_ignored_inside_functional_transforms():
    loss, target = load_loss("label-noise", total_steps=9), torch.tensor([1, -100, 2])
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    gradient = torch.func.grad(loss)(logits, target)
    kept = torch.func.grad(loss)(logits[[0, 2]], target[[0, 2]])
    torch.testing.assert_close(gradient[[0, 2]], kept)
    assert not gradient[1].any()


def test_a_point_of_no_weight_may_have_any_target():
    loss = load_loss("label-noise", total_steps=9)
    target = torch.eye(5)[:3]
    target[2] = 0
    weight = torch.tensor([1.0, 1.0, 0.0])
    logits = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(loss(logits, target, sample_weight=weight), loss(logits[:2], target[:2]))


def test_medians_of_many_points_are_those_of_a_sample_of_the_points_that_count():
    loss = load_loss("outlier-regression")
    target, error = torch.randn(2, 20_000, generator=torch.Generator().manual_seed(0))
    mask = torch.arange(20_000) < 5
    kept = loss((target + error)[:5], target[:5], progress=0.5)
    torch.testing.assert_close(loss(target + error, target, progress=0.5, mask=mask), kept)


def test_medians_of_many_points_are_those_of_a_sample():
    loss = load_loss("outlier-regression")
    target, error = torch.randn(2, 100_000, generator=torch.Generator().manual_seed(0))
    sampled = loss.context(target + error, target)["typical_error"]
    assert abs(sampled - error.abs().median()) < 0.03
    columns = torch.stack([error, 10 * error], 1)  # a sample of every second would see one output alone
    both = loss.context(columns, torch.zeros_like(columns))["typical_error"]
    assert abs(both - columns.abs().median()) < 0.1


def first_call(loss: LearnedLoss, target: torch.Tensor, **more) -> list[str]:
    """What a loss warns of when it is called for the first time."""
    prediction = torch.zeros_like(target, requires_grad=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loss(prediction, target, **more)
        loss(prediction, target, **more)
    return [str(one.message) for one in caught if "standard deviation" in str(one.message)]


AGES = torch.arange(20.0, 84.0)
"""Targets as they are in a table."""


@pytest.mark.parametrize("name", ["sine-regression", "outlier-regression", "inverse-dynamics"])
@pytest.mark.parametrize(
    ("target", "warned"),
    [
        (AGES, True),
        (AGES * 1e4, True),
        (AGES * 1e-6, True),
        ((AGES - AGES.mean()) / AGES.std(), False),
        ((AGES == 40).float() * 1e6, False),
        (torch.zeros(64), False),
        (torch.full((64,), math.nan), False),
        (torch.tensor([1e-4]), False),
        (torch.tensor([9.0]), False),
    ],
    ids=["raw", "large", "small", "standardised", "one far off", "zeros", "no numbers", "one small", "one"],
)
def test_the_first_call_tells_of_targets_of_another_scale(name, target, warned):
    loss = load_loss(name, total_steps=10)
    more = {"feature": target.nan_to_num()} if loss.uses_feature else {}
    messages = first_call(loss, target, **more)
    assert len(messages) == warned
    assert all("(y - mean) / std" in message for message in messages)


def test_targets_that_do_not_count_are_not_looked_at():
    raw_where_masked = torch.where(AGES > 30, 1e6, 0.5)
    assert not first_call(load_loss("sine-regression", total_steps=10), raw_where_masked, mask=AGES <= 30)
    assert first_call(load_loss("sine-regression", total_steps=10), raw_where_masked, mask=AGES > 30)


def test_no_word_of_scale_where_values_cannot_be_seen(monkeypatch):
    loss = load_loss("sine-regression", total_steps=10)

    def value(prediction: torch.Tensor) -> torch.Tensor:
        return loss(prediction, AGES.expand(4, -1)[0])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.func.vmap(torch.func.grad(value))(torch.zeros(4, len(AGES)))
        with torch.no_grad():
            load_loss("sine-regression")(torch.zeros(64), AGES)
        monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
        load_loss("sine-regression", total_steps=10)(torch.zeros(64, requires_grad=True), AGES)

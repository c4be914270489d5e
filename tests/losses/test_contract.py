"""The contract of every loss: those of every recipe, family and problem type must hold it."""

from __future__ import annotations

import math
import re

import pytest
import torch

from ml3zoo import load_loss
from ml3zoo.errors import InputError
from ml3zoo.losses import LearnedLoss, build_loss, call_arguments, context_of
from ml3zoo.recipe import find_recipe, list_recipes
from ml3zoo.zoo.store import read_loss, save_loss
from tests.families import NAMES, example_loss

HALF = torch.tensor(0.5)


@pytest.fixture(params=[*list_recipes(), *NAMES])
def any_loss(request: pytest.FixtureRequest) -> LearnedLoss:
    return example_loss(request.param) if request.param in NAMES else find_recipe(request.param).fresh_loss(0)


def pair(loss: LearnedLoss, n: int = 8, size: float = 1.0, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Predictions and targets as the loss takes them, in float32."""
    example = loss.example(torch.Generator().manual_seed(seed), n, size)
    return example["input"].float().requires_grad_(), example["target"].float()


def more_arguments(loss: LearnedLoss, prediction: torch.Tensor) -> dict[str, torch.Tensor]:
    """Progress, and what else the loss looks at."""
    example = loss.example(torch.Generator().manual_seed(2), len(prediction), 1.0)
    return {"progress": HALF} | {name: example[name].float() for name in ("feature", "class_counts") if name in example}


def test_reductions_agree(any_loss):
    prediction, target = pair(any_loss)
    values = {}
    for reduction in ("none", "mean", "sum"):
        any_loss.reduction = reduction
        values[reduction] = any_loss(prediction, target, **more_arguments(any_loss, prediction))
    assert values["none"].shape == (8,)
    torch.testing.assert_close(values["mean"], values["none"].mean())
    torch.testing.assert_close(values["sum"], values["none"].sum())


def attached(loss: LearnedLoss) -> LearnedLoss:
    """The same loss, its signals not detached: finite differences cannot hold a part of the input still."""
    signals = [
        signal.replace(transforms=tuple(t for t in signal.transforms if t != "detach"))
        for signal in loss.config.signals
    ]
    same = build_loss(loss.config.replace(signals=tuple(signals)))
    same.load_state_dict(loss.state_dict())
    return same.requires_grad_(False)


def test_gradients_are_right_once_and_twice(any_loss):
    double = attached(any_loss).double()
    prediction, target = (x.detach().double() for x in pair(any_loss, 6))
    # batch statistics are detached by contract, so finite differences need them held still
    more = more_arguments(any_loss, prediction)
    told = {name: value.double() for name, value in more.items() if name != "progress"}
    context = double.context(prediction, target, **told) if double.statistics else None
    fixed = more | {"context": context}
    prediction.requires_grad_()
    assert torch.autograd.gradcheck(lambda p: double(p, target, **fixed), prediction)
    assert torch.autograd.gradgradcheck(lambda p: double(p, target, **fixed), prediction)


@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-6, 1e6, 1e15])
def test_value_and_gradient_stay_finite(any_loss, size):
    prediction, target = pair(any_loss, size=size)
    value = any_loss(prediction, target, **more_arguments(any_loss, prediction))
    value.backward()
    assert math.isfinite(value.item())
    assert prediction.grad.isfinite().all()


def test_constant_target_is_fine(loss):
    prediction, _ = pair(loss)
    assert math.isfinite(loss(prediction, torch.zeros(8), progress=HALF).item())


@pytest.mark.parametrize("shape", [(1,), (7,), (5, 1), (2, 3, 4)])
def test_regression_takes_any_shape(loss, shape):
    prediction, target = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    loss.reduction = "none"
    assert loss(prediction, target, progress=HALF).shape == shape


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_dtypes_are_computed_in_float32(any_loss, dtype):
    exact, target = pair(any_loss)
    prediction, known = exact.detach().to(dtype).requires_grad_(), more_arguments(any_loss, exact)
    value = any_loss(prediction, target.to(dtype), **known)
    value.backward()
    assert value.dtype == torch.float32
    assert prediction.grad.dtype == dtype
    expected = any_loss(prediction.detach().float(), target.to(dtype).float(), **known)
    torch.testing.assert_close(value.detach(), expected.detach())


def test_autocast_changes_nothing(any_loss):
    prediction, target = pair(any_loss)
    known = more_arguments(any_loss, prediction)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = any_loss(prediction, target, **known)
    assert value.dtype == torch.float32
    assert torch.equal(value, any_loss(prediction, target, **known))


def test_memory_layout_changes_nothing(loss):
    prediction, target = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    loss.reduction = "none"
    straight = loss(prediction, target, progress=HALF)
    turned = loss(prediction.T, target.T, progress=HALF)
    torch.testing.assert_close(turned.T, straight)


def test_order_of_points_changes_nothing(any_loss):
    any_loss.reduction = "none"
    prediction, target = pair(any_loss)
    known, turned = more_arguments(any_loss, prediction), torch.arange(7, -1, -1)
    back = {name: x[turned] if name == "feature" else x for name, x in known.items()}
    straight = any_loss(prediction, target, **known)
    torch.testing.assert_close(any_loss(prediction[turned], target[turned], **back)[turned], straight)


@pytest.mark.parametrize(
    ("prediction", "target", "message"),
    [
        (torch.zeros(3), torch.zeros(3, 1), "nothing is broadcast"),
        (torch.zeros(3, dtype=torch.int64), torch.zeros(3), "floating point"),
        (torch.zeros(0), torch.zeros(0), "empty"),
        (torch.zeros(2), torch.zeros(2, dtype=torch.complex64), "real"),
    ],
)
def test_bad_input_is_refused(loss, prediction, target, message):
    with pytest.raises(InputError, match=message):
        loss(prediction, target)


def test_integer_targets_are_taken(loss):
    prediction, _ = pair(loss, 3)
    target = torch.tensor([0, 1, 2])
    assert torch.equal(loss(prediction, target, progress=HALF), loss(prediction, target.float(), progress=HALF))


def test_progress_matters(loss):
    prediction, target = pair(loss, 5)
    early, late = (loss(prediction, target, progress=torch.tensor(t)) for t in (0.0, 0.9))
    assert late < early


@pytest.fixture
def fresh_compiler() -> None:
    """Forget what other tests compiled: the compiler stops after some versions of one function."""
    torch.compiler.reset()


@pytest.mark.usefixtures("fresh_compiler")
def test_compiles(any_loss):
    prediction, target = pair(any_loss, 16)
    known, compiled = more_arguments(any_loss, prediction), torch.compile(any_loss, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(prediction, target, **known), any_loss(prediction, target, **known))


def test_it_is_stored_whole(any_loss, tmp_path):
    stored = read_loss(save_loss(any_loss, tmp_path / "a-loss"), replay=True)
    prediction, target = pair(any_loss)
    known = more_arguments(any_loss, prediction)
    assert torch.equal(stored(prediction, target, **known), any_loss(prediction, target, **known))


def test_half_precision_models_leave_it_in_float32(loss):
    model = torch.nn.ModuleList([torch.nn.Linear(1, 1), loss])
    before = loss(*pair(loss, 8), progress=HALF)
    for cast in (model.half, model.bfloat16):
        cast()
        assert model[0].weight.dtype != torch.float32
        assert all(p.dtype == torch.float32 for p in loss.parameters())
        assert torch.equal(loss(*pair(loss, 8), progress=HALF), before)
    assert all(p.dtype == torch.float64 for p in model.double()[1].parameters())


def test_reduction_is_checked_when_it_is_set(loss):
    with pytest.raises(InputError, match="'avg'"):
        loss.reduction = "avg"


def test_what_is_no_tensor_is_refused(loss):
    with pytest.raises(InputError, match="input must be a tensor, got list"):
        loss([1.0], torch.ones(1))
    with pytest.raises(InputError, match="target must be a tensor, got float"):
        loss(torch.ones(1), 1.0)


def test_centering_takes_off_a_share_of_the_mean_error(loss):
    loss.network[0].weight.data.zero_()
    loss.network[0].bias.data[:] = torch.tensor([0.0, math.log(3)])
    loss.reduction = "sum"
    prediction, target = pair(loss, 9)
    loss(prediction, target, progress=HALF).backward()
    error = prediction.detach() - target
    torch.testing.assert_close(prediction.grad, 2 * (error - 0.75 * error.mean()))


def test_the_formula_is_what_is_computed(loss):
    with torch.no_grad():
        for p in loss.parameters():
            p.copy_((1000 * p).round() / 1000)
    loss.reduction = "none"
    prediction, target = pair(loss, 7)
    error = prediction - target
    names = {
        "exp": torch.exp,
        "log": torch.log,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "error": error,
        "mean_error": error.mean(),
        "batch_error": error.square().mean().sqrt(),
        "target_scale": target.std(correction=0),
        "progress": HALF,
        "elapsed": HALF,
        "remaining": HALF,
    }
    text = re.sub(r"\|(.*?)\|", r"(\1).abs()", loss.formula()).replace("^", "**")
    for line in reversed(text.splitlines()):
        name, expression = line.split(" = ")
        names[name] = eval(expression, names)
    torch.testing.assert_close(names["loss"], loss(prediction, target, progress=HALF))


def test_load_loss_options(folder):
    loss = load_loss(folder, reduction="sum", dtype=torch.float64, trainable=True, total_steps=7)
    assert loss.reduction == "sum"
    assert loss.total_steps == 7
    assert all(p.requires_grad and p.dtype == torch.float64 for p in loss.parameters())
    assert not any(p.requires_grad for p in load_loss(folder).parameters())
    dtypes = ({"dtype": torch.int64}, {"dtype": torch.bfloat16}, {"dtype": "float32"})
    for wrong in ({"reduction": "average"}, {"total_steps": 0}, {"total_steps": 2.5}, *dtypes):
        with pytest.raises(InputError):
            load_loss(folder, **wrong)


def test_make_optimizer_follows_the_config(loss):
    optimizer = loss.make_optimizer([torch.nn.Parameter(torch.zeros(1))])
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["lr"] == loss.config.inner.lr


class UsesNothing(torch.nn.Module):
    def forward(self, input, target):
        return (input - target).square().mean()


def test_every_loss_is_called_with_the_arguments_it_uses(any_loss):
    example = any_loss.example(torch.Generator().manual_seed(0), 6, 1.0)
    batch = {"input": example["input"], "target": example["target"], "feature": torch.zeros(6)}
    arguments = call_arguments(any_loss, batch | example, progress=HALF)
    assert {"input", "target"} <= arguments.keys()
    assert ("progress" in arguments) == any_loss.uses_progress
    assert ("feature" in arguments) == any_loss.config.uses_feature
    context = context_of(any_loss, lambda: example)
    assert list(context) == any_loss.statistics
    assert any_loss(**arguments, **({"context": context} if context else {})).isfinite()


@pytest.mark.parametrize("ordinary", [torch.nn.MSELoss(), UsesNothing()])
def test_ordinary_losses_are_called_with_input_and_target_alone(ordinary):
    batch = {"input": torch.ones(3), "target": torch.zeros(3), "feature": torch.ones(3)}
    arguments = call_arguments(ordinary, batch, progress=HALF)
    assert ordinary(**arguments) == 1
    assert arguments.keys() == {"input", "target"}
    assert context_of(ordinary, lambda: pytest.fail("the batch is not needed")) == {}

"""The clock of a loss counts the steps of optimisers, whatever happens between them."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

from ml3zoo import load_loss
from ml3zoo.errors import InputError
from ml3zoo.losses import LearnedLoss

X, Y = torch.randn(2, 16, 1, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def loss() -> LearnedLoss:
    return load_loss("sine-regression", total_steps=10)


@pytest.fixture
def model() -> torch.nn.Module:
    return torch.nn.Linear(1, 1)


def test_a_step_counts_once_however_often_it_calls_the_loss(loss, model):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for step in range(3):
        for x, y in zip(X.split(4), Y.split(4), strict=True):
            assert loss.progress == step / 10
            loss(model(x), y).backward()
            assert loss.progress == step / 10
        optimizer.step()
    assert loss.steps == 3


def test_nothing_is_counted_twice_by_one_that_is_followed(loss, model):
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    assert loss.follow(optimizer) is loss
    for step in range(3):
        for x, y in zip(X.split(4), Y.split(4), strict=True):
            assert loss.progress == step / 10
            loss(model(x), y).backward()
        optimizer.step()


def test_closures_are_one_step(loss, model):
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=5)
    loss.follow(optimizer)

    def closure():
        optimizer.zero_grad()
        value = loss(model(X), Y)
        value.backward()
        return value

    for _ in range(4):
        optimizer.step(closure)
    assert loss.steps == 4


def test_checkpointing_the_loss_changes_no_gradient(loss, model):
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    loss.follow(optimizer)
    for _ in range(5):
        plain = torch.autograd.grad(loss(model(X), Y), model.weight)[0]
        checkpoint(loss, model(X), Y, use_reentrant=False).backward()
        torch.testing.assert_close(model.weight.grad, plain)
        optimizer.step()
        optimizer.zero_grad()
    assert loss.progress == 0.5


def test_skipped_steps_and_calls_without_a_graph_do_not_count(loss, model):
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    loss(model(X), Y)
    optimizer.step()
    loss(model(X).detach(), Y)
    optimizer.step()
    with torch.no_grad():
        loss(model(X), Y)
    optimizer.step()
    assert loss.steps == 1
    loss(model(X), Y)
    loss(model(X), Y)
    optimizer.step()
    assert loss.steps == 2


def test_two_optimizers_of_one_model_make_one_step(loss):
    layers = torch.nn.Sequential(torch.nn.Linear(1, 4), torch.nn.Linear(4, 1))
    optimizers = [torch.optim.SGD(layer.parameters(), 0.0) for layer in layers]
    for _ in range(3):
        loss(layers(X), Y).backward()
        for optimizer in optimizers:
            optimizer.step()
    assert loss.steps == 3


@pytest.mark.parametrize("by", ["in place", "data", "new tensors"])
def test_updates_by_hand_count(loss, by):
    weight = torch.ones(1, 1, requires_grad=True)
    for step in range(3):
        for x, y in zip(X.split(8), Y.split(8), strict=True):
            gradient = torch.autograd.grad(loss(x @ weight, y), weight)[0]
            assert loss.progress == step / 10
        if by == "in place":
            with torch.no_grad():
                weight -= 0.1 * gradient
        elif by == "data":
            weight.data -= 0.1 * gradient
        else:
            weight = (weight - 0.1 * gradient).detach().requires_grad_()


def test_calls_count_where_the_model_is_hidden_and_warn(loss, model, monkeypatch):
    monkeypatch.setattr("ml3zoo.losses.fingerprint._parameter", lambda prediction: None)
    loss(model(X), Y)
    with pytest.warns(UserWarning, match=r"called twice.*loss.follow\(optimizer\)"):
        loss(model(X), Y)
    loss(model(X), Y)
    assert loss.progress == 0.2


def test_checkpointing_is_right_from_the_first_step(loss, model):
    plain = torch.autograd.grad(loss(model(X), Y), model.weight)[0]
    checkpoint(loss, model(X), Y, use_reentrant=False).backward()
    torch.testing.assert_close(model.weight.grad, plain)


def test_other_optimizers_are_told_from_the_followed(loss, model):
    mine, other = (torch.optim.SGD(model.parameters(), 0.0) for _ in range(2))
    loss.follow(mine)
    loss(model(X), Y)
    other.step()
    assert loss.steps == 0
    mine.step()
    mine.step()
    assert loss.steps == 2
    for _ in range(9):
        loss(model(X), Y)
        other.step()
    loss(model(X), Y)
    with pytest.warns(UserWarning, match="made no step, while another"):
        other.step()
    with pytest.raises(InputError, match=r"already follows an optimiser \(SGD\)"):
        loss.follow(other)
    loss.follow(mine)
    assert loss.reset().follow(other).steps == 0
    with pytest.raises(InputError, match="got list"):
        loss.follow([])


def test_an_optimizer_that_is_gone_is_no_longer_followed(loss, model):
    loss.follow(torch.optim.SGD(model.parameters(), 0.0))
    loss.follow(torch.optim.SGD(model.parameters(), 0.0))


def test_total_steps_may_come_later_and_its_end_warns_once(model):
    loss = load_loss("sine-regression")
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    with pytest.warns(UserWarning, match="total_steps"):
        loss(model(X), Y)
    optimizer.step()
    assert loss.progress == 0
    loss.total_steps = np.int64(2)
    assert loss.progress == 0.5
    loss(model(X), Y)
    optimizer.step()
    assert loss.progress == 1
    loss(model(X), Y)
    optimizer.step()
    with pytest.warns(UserWarning, match="has made 3 steps of total_steps=2") as caught:
        loss(model(X), Y)
    assert caught[0].filename == __file__
    loss(model(X), Y)
    with pytest.warns(UserWarning, match=r"has made 3 steps of total_steps=2.*loss.reset\(\)"):
        loss.reset().advance(3)
    assert loss.reset().progress == 0


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "3", True, np.float64(3)])
def test_only_whole_numbers_are_steps(loss, wrong):
    with pytest.raises(InputError, match="total_steps must be a whole number from 1"):
        loss.total_steps = wrong
    with pytest.raises(InputError, match="total_steps"):
        load_loss("sine-regression", total_steps=wrong)


def test_progress_is_set_by_hand(loss):
    loss.progress = 0.3
    assert loss.progress == 0.3
    loss.advance(5)
    assert loss.progress == 0.3
    loss.progress = None
    assert loss.progress == 0.5
    for wrong in (1.5, "x", torch.ones(2)):
        with pytest.raises(InputError, match="progress"):
            loss.progress = wrong
        with pytest.raises(InputError, match="progress"):
            loss(torch.zeros(3), torch.zeros(3), progress=wrong)
    with pytest.raises(InputError, match="steps"):
        loss.steps = -1
    loss.steps = 7
    assert loss.progress == 0.7


def continued(loss: LearnedLoss, how: str) -> LearnedLoss:
    if how == "deepcopy":
        return copy.deepcopy(loss)
    if how == "pickle":
        return pickle.loads(pickle.dumps(loss))
    other = load_loss("sine-regression", total_steps=10)
    if how == "to_empty":
        other = other.to("meta").to_empty(device="cpu")
    other.load_state_dict(loss.state_dict())
    return other


@pytest.mark.parametrize("how", ["state_dict", "deepcopy", "pickle", "to_empty"])
@pytest.mark.parametrize("by_hand", [False, True])
def test_the_count_survives(loss, model, how, by_hand):
    loss.advance(4)
    if by_hand:
        loss.progress = 0.9
    other = continued(loss, how)
    assert other.progress == loss.progress
    assert torch.equal(other(model(X), Y), loss(model(X), Y))
    torch.optim.SGD(model.parameters(), 0.0).step()
    assert other.steps == loss.steps == 5
    other.reset()
    assert loss.steps == 5


def test_buffers_may_be_written_in_place(loss, model):
    for name, value in load_loss("sine-regression").state_dict().items():
        loss.state_dict()[name].copy_(torch.tensor([4, 0, 1]) if name == "clock.counts" else value)
    loss(model(X), Y)
    torch.optim.SGD(model.parameters(), 0.0).step()
    assert loss.steps == 5


def test_a_loss_that_was_loaded_for_inference_can_be_trained_with(model):
    with torch.inference_mode():
        loss = load_loss("sine-regression", total_steps=10)
    loss(model(X), Y).backward()
    torch.optim.SGD(model.parameters(), 0.0).step()
    assert loss.steps == 1


def test_a_state_without_a_clock_is_that_of_no_steps(loss):
    state = {name: value for name, value in loss.state_dict().items() if not name.startswith("clock.")}
    loss.advance(4)
    loss.load_state_dict(state)
    assert loss.steps == 0


def test_the_state_of_another_loss_is_refused():
    loss = load_loss("label-noise")
    with pytest.raises(RuntimeError, match="state of another loss than label-noise: its shift is"):
        loss.load_state_dict(load_loss("digits-pairs").state_dict())


@pytest.fixture
def graphs() -> list:
    torch.compiler.reset()
    return []


OF_NO_LEAF = "ignore:The .grad attribute of a Tensor that is not a leaf"  # torch's own, while it compiles


def compiled(loss, graphs, **options):
    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    return torch.compile(loss, backend=backend, **options)


@pytest.mark.filterwarnings(OF_NO_LEAF)
def test_a_compiled_loss_counts_without_compiling_anew(loss, model, graphs):
    eager = copy.deepcopy(loss)
    fast = compiled(loss, graphs, fullgraph=True)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for _ in range(6):
        optimizer.zero_grad()
        value = fast(model(X), Y)
        torch.testing.assert_close(value, eager(model(X), Y))
        value.backward()
        optimizer.step()
    assert loss.progress == eager.progress == 0.6
    assert len(graphs) == 1


@pytest.mark.filterwarnings(OF_NO_LEAF)
def test_progress_set_by_hand_is_not_compiled_in(loss, model, graphs):
    eager = copy.deepcopy(loss)
    fast = compiled(loss, graphs, fullgraph=True)
    for progress in (0.1, 0.5, 0.9):
        loss.progress = eager.progress = progress
        torch.testing.assert_close(fast(model(X), Y), eager(model(X), Y))
    assert len(graphs) == 1


@pytest.mark.filterwarnings(OF_NO_LEAF)
def test_a_loss_of_unknown_length_compiles_in_one_graph(model, graphs):
    loss = load_loss("sine-regression")
    compiled(loss, graphs, fullgraph=True)(model(X), Y)
    with pytest.warns(UserWarning, match="total_steps"):
        torch.optim.SGD(model.parameters(), 0.0).step()


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated:DeprecationWarning")  # torch.func.hessian's own
@pytest.mark.parametrize("name", ["sine-regression", "outlier-regression", "label-noise"])
def test_functional_transforms_work(name):
    loss = load_loss(name, total_steps=10)
    example = loss.example(torch.Generator().manual_seed(0), 6, 1.0)
    x, y = example["input"].float(), example["target"].float()
    plain = x.clone().requires_grad_()
    loss(plain, y).backward()
    torch.optim.SGD([plain], 0.0).step()
    loss.steps = 0
    torch.testing.assert_close(torch.func.grad(loss)(x, y), plain.grad)
    stacked = torch.func.vmap(torch.func.grad(loss))(torch.stack([x, x]), torch.stack([y, y]))
    torch.testing.assert_close(stacked[1], plain.grad)
    assert torch.func.hessian(loss)(x, y).isfinite().all()
    assert loss.steps == 0

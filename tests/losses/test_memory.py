"""A loss that looks at running means remembers the batches of the steps before."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from ml3zoo import load_loss
from ml3zoo.errors import ConfigError
from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.losses import build_loss
from ml3zoo.losses.memory import DECAY, RunningMeans
from ml3zoo.zoo.store import save_loss

STATISTICS = ["agreement", "mean_probability"]


@pytest.fixture
def loss():
    torch.manual_seed(0)
    built = build_loss(
        LossConfig(
            name="any",
            summary="For tests.",
            family="mlp",
            problem_type="classification",
            signals=(
                signal("probability", "detach"),
                signal("running_mean_probability"),
                signal("running_agreement"),
                signal("confidence", "detach", limit=0.9),
            ),
            architecture={"hidden": [4], "terms": ["cross_entropy", "self_cross_entropy"]},
            inner=InnerConfig(lr=0.1, steps=10),
        )
    )
    built.reset_parameters()
    return built.requires_grad_(False)


@pytest.fixture
def model():
    torch.manual_seed(1)
    return nn.Linear(5, 3)


def batches(n, points=8):
    generator = torch.Generator().manual_seed(2)
    return [
        (torch.randn(points, 5, generator=generator), torch.randint(3, (points,), generator=generator))
        for _ in range(n)
    ]


def statistics_of(model, x, y):
    """Agreement and mean probability of the label, by other means."""
    p = model(x).detach().double().softmax(1).numpy()
    return np.array([(p.argmax(1) == y.numpy()).mean(), p[np.arange(len(y)), y.numpy()].mean()])


def train(loss, model, data, parts=1):
    """Steps of SGD, each batch in parts; the running means that each call saw."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    seen = []
    for x, y in data:
        optimizer.zero_grad()
        for one_x, one_y in zip(x.chunk(parts), y.chunk(parts), strict=True):
            (loss(model(one_x), one_y) / parts).backward()
            seen.append(means_of(loss))
        optimizer.step()
    return seen


def means_of(loss):
    return (loss.memory.total / loss.memory.weight.clamp_min(1e-30)).tolist()


def test_which_statistics_are_remembered(loss):
    assert loss.remembered == STATISTICS == loss.statistics
    assert loss.context_names == [*STATISTICS, "running_agreement", "running_mean_probability"]
    assert not any("memory" in name for name in loss.published())


def test_running_means_are_those_of_the_steps_before(loss, model):
    data = batches(6)
    total, weight, expected = np.zeros(2), 0.0, []
    twin = copy.deepcopy(model)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.5)
    for x, y in data:
        expected.append(total / weight if weight else np.zeros(2))
        total, weight = DECAY * total + (1 - DECAY) * statistics_of(twin, x, y), DECAY * weight + 1 - DECAY
        optimizer.zero_grad()
        means = dict(zip(STATISTICS, (expected[-1] if weight > 0.11 else statistics_of(twin, x, y)), strict=True))
        context = {f"running_{name}": torch.tensor(value, dtype=torch.float32) for name, value in means.items()}
        loss(twin(x), y, context=context).backward()
        optimizer.step()
    loss.reset()
    seen = train(loss, model, data)
    np.testing.assert_allclose(seen, expected, rtol=1e-5)
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_the_first_step_sees_its_own_batch(loss, model):
    (x, y), *_ = batches(1)
    own = {f"running_{name}": value for name, value in loss.context(model(x), y).items()}
    torch.testing.assert_close(loss(model(x), y), loss(model(x), y, context=own))


def test_micro_batches_of_a_step_see_the_same_and_add_up_to_it(loss, model):
    data, twin, other = batches(5), copy.deepcopy(model), copy.deepcopy(loss)
    seen = train(loss, model, data[:1]) and train(loss, model, data[1:], parts=4)
    assert seen[4:8] == [seen[4]] * 4
    train(other, twin, data[:1])
    whole = train(other, twin, data[1:])
    np.testing.assert_allclose(seen[::4], whole, rtol=1e-4)


def test_points_count_by_their_weights(loss, model):
    (x, y), (more_x, more_y) = batches(2)
    mask = torch.arange(8) < 5
    loss(model(x), y, mask=mask).backward()
    loss(model(more_x), more_y).backward()
    first, second = statistics_of(model, x[:5], y[:5]), statistics_of(model, more_x, more_y)
    np.testing.assert_allclose(loss.memory.sums.numpy(), 5 * first + 8 * second, rtol=1e-5)
    assert loss.memory.points == 13


def test_calls_without_a_graph_leave_it_alone(loss, model):
    train(loss, model, batches(3))
    before = copy.deepcopy(loss.state_dict())
    (x, y), *_ = batches(1, points=3)
    with torch.no_grad():
        loss(model(x), y)
    after = loss.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_updates_by_hand_count_as_steps(loss, model):
    seen = []
    for x, y in batches(3):
        grads = torch.autograd.grad(loss(model(x), y), list(model.parameters()))
        seen.append(means_of(loss))
        with torch.no_grad():
            for p, g in zip(model.parameters(), grads, strict=True):
                p -= g
    assert seen[0] == [0.0, 0.0]
    assert seen[1] != seen[2] != seen[0]


def test_steps_count_also_where_progress_is_given(loss, model):
    twin, other = copy.deepcopy(model), copy.deepcopy(loss)
    seen = train(other, twin, batches(3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for (x, y), means in zip(batches(3), seen, strict=True):
        optimizer.zero_grad()
        loss(model(x), y, progress=0.3).backward()
        assert means_of(loss) == means
        optimizer.step()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda loss: pickle.loads(pickle.dumps(loss))])
def test_copies_go_on_and_reset_forgets(loss, model, copied):
    train(loss, model, batches(3))
    twin = copied(loss)
    assert means_of(twin) == means_of(loss) != [0.0, 0.0]
    twin.reset()
    assert means_of(twin) == [0.0, 0.0] != means_of(loss)


def test_a_resumed_training_goes_on(loss, model):
    data = batches(6)
    twin, fresh = copy.deepcopy(model), copy.deepcopy(loss)
    seen = train(loss, model, data[:3])
    fresh.load_state_dict(loss.state_dict(), assign=True)
    twin.load_state_dict(model.state_dict())
    assert train(fresh, twin, data[3:]) == train(loss, model, data[3:]) != seen


def test_the_pure_form_is_the_same(loss, model):
    data, twin, pure = batches(4), copy.deepcopy(model), copy.deepcopy(loss)
    seen = train(loss, model, data)
    means, found = RunningMeans.empty(loss.shift, 2), []
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.5)
    for x, y in data:
        found.append((means.total / means.weight.clamp_min(1e-30)).tolist())
        optimizer.zero_grad()
        output = twin(x)
        means, context = pure.remember(means, input=output.detach(), target=y)
        pure(output, y, context=context).backward()
        optimizer.step()
    np.testing.assert_allclose(found, seen, rtol=1e-6)
    assert pure.memory.points == 0


def test_compiled_calls_remember_too(loss, model):
    twin, compiled = copy.deepcopy(model), copy.deepcopy(loss)
    train(loss, model, batches(4))
    fast = torch.compile(lambda x, y: compiled(twin(x), y), backend="eager", fullgraph=True)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.5)
    for x, y in batches(4):
        optimizer.zero_grad()
        fast(x, y).backward()
        optimizer.step()
    np.testing.assert_allclose(means_of(compiled), means_of(loss), rtol=1e-5)


def test_signals_stay_within_their_limit(loss):
    config = loss.config
    assert str(config.signals[-1]) == "clamp((confidence - 0.5) / 0.5, ±0.9)"
    inputs = loss._inputs(torch.tensor([[30.0, 0.0, 0.0]]), torch.tensor([0]))
    assert loss.columns(inputs)[-1].item() == pytest.approx(0.9)
    with pytest.raises(ConfigError, match="limit"):
        config.replace(signals=(signal("confidence", limit=0.0),))


def test_golden_tensors_are_those_of_a_loss_that_remembers_nothing(loss, model, tmp_path):
    train(loss, model, batches(3))
    loaded = load_loss(str(save_loss(loss, tmp_path / "a-loss")))
    assert loaded.memory.weight == 0

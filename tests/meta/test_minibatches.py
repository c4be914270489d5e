"""Minibatch runs: epochs, the same steps as plain torch, common random numbers, windows, resuming."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR
from torch.utils.data import DataLoader, TensorDataset

from ml3zoo.errors import InputError
from ml3zoo.meta.estimators import EvolutionStrategies, MetaProblem, Mixed, PersistentEvolution, Truncated, Unrolled
from ml3zoo.meta.inner import InnerRun, count, expand
from ml3zoo.meta.interruption import Interrupted
from ml3zoo.meta.minibatches import draw_rows, take_rows
from ml3zoo.meta.optimizers import SGD, AdamW
from ml3zoo.meta.outer import TrainingConfig, meta_train
from ml3zoo.tasks.base import Split, Tasks, Tensors
from ml3zoo.tasks.class_data import Mixtures
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels
from tests.families import example_loss
from tests.meta.test_meta_training import equal, fresh, interrupting, small
from tests.problems import FAMILY, double, quadratic_problem

LABELS = NoisyLabels(Mixtures(3, 4), Symmetric(), (6,), points=37)


@dataclass(frozen=True)
class OfManySizes(NoisyLabels):
    """Tasks of 37, 20, 8 and 3 rows."""

    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        tasks = super().sample(generator, n, split)
        return tasks._replace(data=tasks.data | {"n_rows": torch.tensor([37, 20, 8, 3] * n)[:n]})


MANY_SIZES = OfManySizes(Mixtures(3, 4), Symmetric(), (6,), points=37)


def drawn(batch: int, steps: int, age: int = 0, tasks: int = 4) -> Tensor:
    run = InnerRun(SGD(), 0.1, 1, batch=batch)
    data = run.sample(MANY_SIZES, torch.Generator().manual_seed(0), tasks, "train").data
    return torch.stack(list(draw_rows(data, torch.full((tasks,), float(age)), steps, batch)), 1)


def test_an_epoch_is_a_permutation_and_drops_what_is_left_over():
    rows = drawn(8, 100)
    for task, n in enumerate((37, 20, 8)):
        per_epoch = n // 8
        epochs = rows[task][: 100 // per_epoch * per_epoch].reshape(-1, per_epoch * 8)
        assert all(len(set(epoch.tolist())) == per_epoch * 8 for epoch in epochs)
        assert set(epochs.flatten().tolist()) == set(range(n)), "no row is left out for good"
        assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(rows[0], drawn(8, 100, tasks=8)[4]), "tasks of equal size have orders of their own"


def test_a_minibatch_of_more_rows_than_there_are_has_all_of_them_and_some_twice():
    for minibatch in drawn(8, 50)[3]:
        assert sorted(minibatch.bincount(minlength=3).tolist()) == [2, 3, 3]
    assert sorted(drawn(3, 1)[3][0].tolist()) == [0, 1, 2]


def test_rows_depend_on_the_step_alone():
    whole = drawn(8, 150)
    for age in (0, 1, 4, 70, 149):
        assert torch.equal(drawn(8, 150 - age, age), whole[:, age:])


@pytest.mark.parametrize("dtype", [torch.int64, torch.float32])
def test_rows_are_taken_by_task(dtype):
    data = {"x": torch.arange(24).view(2, 4, 3).to(dtype), "other": torch.ones(2)}
    found = take_rows(data, ("x",), torch.tensor([[3, 0], [1, 1]], dtype=torch.int32))
    assert found["x"].tolist() == [[[9, 10, 11], [0, 1, 2]], [[15, 16, 17], [15, 16, 17]]]
    assert found["other"] is data["other"]
    assert take_rows(data, ("x",), torch.empty(2, 0)) is data


OPTIMIZERS = [
    (SGD(0.9, weight_decay=1e-2), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-2)),
    (AdamW(0.1), lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1)),
]


@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS, ids=["sgd", "adamw"])
def test_a_run_equals_a_loop_in_plain_torch(ours, theirs):
    """With a ``DataLoader`` that drops the last minibatch, and torch's own optimisers and schedules."""
    run = InnerRun(ours, 0.05, 23, "cosine", batch=8, warmup=0.2)
    tasks = double(run.sample(MANY_SIZES, torch.Generator().manual_seed(1), 3, "train"))
    params = run.under(nn.CrossEntropyLoss(), MANY_SIZES, tasks)
    for i, n in enumerate((37, 20, 8)):
        network = MANY_SIZES.optimizee.build().double()
        network.load_state_dict({name: p[i] for name, p in tasks.initial.items()})
        optimizer = theirs(network.parameters())
        rising = 5
        schedule = SequentialLR(
            optimizer,
            [LinearLR(optimizer, 1 / (rising + 1), 1.0, rising), CosineAnnealingLR(optimizer, 23 - rising)],
            [rising],
        )
        done, epoch = 0, 0
        while done < 23:
            generator = torch.Generator().manual_seed(int(tasks.data["order_seed"][i]) + epoch)
            order = torch.randperm(n, generator=generator).tolist()
            rows = TensorDataset(tasks.data["x"][i], tasks.data["labels"][i])
            for x, y in DataLoader(rows, 8, sampler=order, drop_last=True):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(x), y).backward()
                optimizer.step()
                schedule.step()
                done += 1
                if done == 23:
                    break
            epoch += 1
        for name, p in network.named_parameters():
            torch.testing.assert_close(params[name][i], p.detach(), rtol=1e-9, atol=1e-11)


def test_objectives_are_those_of_the_whole_data():
    run = InnerRun(SGD(), 0.1, 3, batch=4)
    tasks = run.sample(LABELS, torch.Generator().manual_seed(0), 2, "train")
    seen = []
    _, problem = labels_problem(run)
    run.under(Scaled(), LABELS, tasks, lambda step, params: seen.append(problem.value(params, tasks.data)))
    first = [{name: x[0] for name, x in part.items()} for part in (tasks.initial, tasks.data)]
    torch.testing.assert_close(seen[0][0], LABELS.objective(*first))
    assert len(seen) == 4


class Scaled(nn.Module):
    """Cross-entropy times ``exp(log_scale)``, with a parameter that does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale, self.idle = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return self.log_scale.exp() * nn.functional.cross_entropy(input, target) + 0 * self.idle


def labels_problem(run: InnerRun, *, compiled: bool = False) -> tuple[Tensors, MetaProblem]:
    loss = Scaled()
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    return phi, MetaProblem(run.step(loss, LABELS, compiled=compiled), run, LABELS, 3)


ESTIMATORS = [
    EvolutionStrategies(pairs=2),
    PersistentEvolution(2),
    Mixed(pairs=2, objective_steps="both"),
    Truncated(2),
    Unrolled(),
]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda e: type(e).__name__)
def test_all_perturbed_losses_see_the_same_rows(estimator, generator):
    """What has no influence on training has a meta-gradient of exactly zero."""
    phi, problem = labels_problem(InnerRun(SGD(0.9), 0.1, 6, batch=5))
    estimator_state = {}
    for _ in range(4):
        estimate = estimator(problem, {"idle": phi["idle"]}, estimator_state, generator)
        estimator_state = estimate.estimator_state
        assert estimate.gradient["idle"].item() == 0
        assert estimate.objective != 0


@pytest.mark.parametrize("rematerialise", [True, False])
def test_the_metagradient_of_minibatch_runs_equals_central_differences(rematerialise):
    run = InnerRun(SGD(0.9), 0.1, 5, batch=5)
    loss = example_loss("mlp-weighted-classification").double()
    family = _Double(Mixtures(3, 4), Symmetric(), (6,), "tanh", points=12)
    problem = MetaProblem(run.step(loss, family), run, family, 2)
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    objective = Unrolled(rematerialise=rematerialise)

    def value(shift: float) -> float:
        moved = {name: p + shift * direction[name] for name, p in phi.items()}
        return objective(problem, moved, {}, torch.Generator().manual_seed(1)).objective

    noise = torch.Generator().manual_seed(2)
    direction = {name: torch.randn(p.shape, generator=noise, dtype=p.dtype) for name, p in phi.items()}
    found = objective(problem, phi, {}, torch.Generator().manual_seed(1)).gradient
    slope = sum((found[name] * direction[name]).sum().item() for name in phi)
    h = 1e-4
    outer, inner = (value(h) - value(-h)) / (2 * h), (value(h / 2) - value(-h / 2)) / h
    assert slope == pytest.approx((4 * inner - outer) / 3, rel=1e-6)


@dataclass(frozen=True)
class _Double(NoisyLabels):
    def sample(self, generator: torch.Generator, n: int, split: Split) -> Tasks:
        return double(super().sample(generator, n, split))


def training(**changes: object):
    configs = (
        TrainingConfig(FAMILY, InnerRun(SGD(0.9, weight_decay=1e-3), 0.05, 6, "cosine", batch=5, warmup=0.3)),
        TrainingConfig(FAMILY, InnerRun(AdamW(), 0.05, 4, batch=3)),
    )
    return small(training_configs=configs, **changes)


@pytest.mark.parametrize("estimator", [PersistentEvolution(2, sigma=0.1), EvolutionStrategies(pairs=2), Truncated(2)])
def test_an_interrupted_minibatch_run_ends_bit_identical(estimator, tmp_path):
    whole, parts = fresh(), fresh()
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    meta_train(whole, training(estimator=estimator), tmp_path / "whole")
    with pytest.raises(Interrupted):
        meta_train(fresh(), training(estimator=interrupting(estimator, 9, 15)), tmp_path / "parts")
    meta_train(parts, training(estimator=estimator), tmp_path / "parts", resume=True)
    assert equal(whole, parts)
    whole, parts = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.slow
@pytest.mark.parametrize("estimator", [EvolutionStrategies(pairs=2), Unrolled()])
def test_compiled_equals_eager(estimator):
    found = []
    run = InnerRun(AdamW(), 0.02, 4, "cosine", batch=5)
    for compiled in (False, True):
        phi, problem = labels_problem(run, compiled=compiled)
        found.append(estimator(problem, phi, {}, torch.Generator().manual_seed(0)))
    eager, fast = found
    assert fast.objective == pytest.approx(eager.objective, rel=1e-5)
    for name, g in eager.gradient.items():
        torch.testing.assert_close(fast.gradient[name], g, rtol=1e-3, atol=1e-5)


def test_the_rate_warms_up_and_then_follows_the_schedule():
    run = InnerRun(SGD(), 0.8, 10, warmup=0.3)
    tasks = FAMILY.sample(torch.Generator().manual_seed(0), 1, "train")
    rates = [info.lr.item() for info in run.step_infos(tasks)]
    assert rates == pytest.approx([0.2, 0.4, 0.6] + [0.8] * 7)
    cosine = [info.lr.item() for info in replace(run, schedule="cosine").step_infos(tasks)]
    assert cosine[:4] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert cosine[3:] == sorted(cosine[3:], reverse=True)


def test_what_cannot_be_run_is_refused_with_a_way_out():
    run = InnerRun(SGD(), 0.1, 2, batch=4)
    with pytest.raises(InputError, match="Quadratic has no rows to draw minibatches from: train on it with batch=None"):
        run.sample(quadratic_problem(2, 0.1, 2)[1].family, torch.Generator(), 2, "train")
    tasks = LABELS.sample(torch.Generator().manual_seed(0), 2, "train")
    with pytest.raises(InputError, match=r"no orders of rows: draw the tasks of a minibatch run by InnerRun\.sample"):
        run(run.step(nn.CrossEntropyLoss(), LABELS), expand({}, count(tasks)), tasks)
    with pytest.raises(InputError, match="batch must be at least 1, got 0"):
        InnerRun(SGD(), 0.1, 2, batch=0)
    with pytest.raises(InputError, match=r"warmup is a share .* got 5"):
        InnerRun(SGD(), 0.1, 20, warmup=5)

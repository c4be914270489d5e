"""The engine: exact optimisers, exact meta-gradients, estimators that agree, runs that can be resumed."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.func import functional_call

from ml3zoo.errors import CheckpointError
from ml3zoo.losses import LearnedLoss
from ml3zoo.losses.signals import BatchError
from ml3zoo.meta.estimators import EvolutionStrategies, Objective, Unrolled, expand
from ml3zoo.meta.inner import SGD, Adam, InnerRun
from ml3zoo.meta.outer import MetaTraining, Setting, meta_train
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.base import Tasks
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import Sine

FAMILY = Sine(MLP((1, 6, 1), "tanh"), standardized=True, points=12)
PLAIN = Objective(log=False, cap=math.inf)


def double(tasks: Tasks) -> Tasks:
    return Tasks(*({name: x.double() for name, x in part.items()} for part in tasks))


def problem(n: int = 3) -> tuple[LearnedLoss, dict[str, torch.Tensor], Tasks]:
    loss = find_recipe("sine-regression").fresh_loss(0).double()
    phi = {name: p.detach() for name, p in loss.named_parameters()}
    return loss, phi, double(FAMILY.sample(torch.Generator().manual_seed(0), n, "train"))


def hand_unrolled(loss: LearnedLoss, phi: dict[str, torch.Tensor], tasks: Tasks, run: InnerRun) -> torch.Tensor:
    """Mean final objective by a plain loop over tasks and steps, without vmap and without the engine."""
    total = torch.zeros((), dtype=torch.float64)
    n = len(tasks.data["x"])
    for i in range(n):
        params = {name: p[i].clone().requires_grad_() for name, p in tasks.initial.items()}
        velocity = {name: torch.zeros_like(p) for name, p in params.items()}
        x, y = tasks.data["x"][i], tasks.data["y"][i]
        for t in range(run.steps):
            inputs = {name: p.clone() for name, p in params.items()}
            prediction = functional_call(FAMILY.network, inputs, (x,))
            error = functional_call(FAMILY.network, params, (x,)) - y
            seen = BatchError((error**2).mean().sqrt(), error.mean())
            told = {"progress": torch.tensor(t / run.steps, dtype=torch.float64), "batch_error": seen}
            value = functional_call(loss, phi, (prediction, y), told)
            grads = torch.autograd.grad(value, list(inputs.values()), create_graph=True)
            for (name, p), grad in zip(list(params.items()), grads, strict=True):
                velocity[name] = run.optimizer.momentum * velocity[name] + grad
                params[name] = p - run.lr * velocity[name]
        prediction = functional_call(FAMILY.network, params, (x,))
        total = total + ((prediction - y) ** 2).mean() / y.var() / n
    return total


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("steps", [1, 5])
def test_metagradient_equals_the_hand_unrolled_one(momentum, steps, generator):
    loss, phi, tasks = problem()
    run = InnerRun(SGD(momentum), 0.05, steps)
    estimate = Unrolled(PLAIN)(loss, phi, run, FAMILY, tasks, generator)
    leaves = {name: p.clone().requires_grad_() for name, p in phi.items()}
    value = hand_unrolled(loss, leaves, tasks, run)
    reference = torch.autograd.grad(value, list(leaves.values()))
    assert estimate.objective == pytest.approx(value.item(), rel=1e-12)
    ours = torch.cat([estimate.gradient[name].flatten() for name in phi])
    theirs = torch.cat([grad.flatten() for grad in reference])
    assert (ours - theirs).norm() <= 1e-6 * theirs.norm()


def test_metagradient_equals_central_differences(generator):
    loss, phi, tasks = problem()
    run = InnerRun(SGD(), 0.05, 5)
    estimate = Unrolled(PLAIN)(loss, phi, run, FAMILY, tasks, generator)

    def objective(shift: float, direction: dict[str, torch.Tensor]) -> float:
        moved = {name: p + shift * direction[name] for name, p in phi.items()}
        return hand_unrolled(loss, moved, tasks, run).item()

    for seed in range(3):
        noise = torch.Generator().manual_seed(seed)
        direction = {name: torch.randn(p.shape, generator=noise, dtype=p.dtype) for name, p in phi.items()}
        slope = sum((estimate.gradient[name] * direction[name]).sum().item() for name in phi)
        h = 1e-4
        outer = (objective(h, direction) - objective(-h, direction)) / (2 * h)
        inner = (objective(h / 2, direction) - objective(-h / 2, direction)) / h
        assert slope == pytest.approx((4 * inner - outer) / 3, rel=1e-6)


def test_vmapped_equals_looped(generator):
    loss, phi, tasks = problem(4)
    run = InnerRun(SGD(0.9), 0.02, 6)
    together = run(loss, expand(phi, 4), FAMILY, tasks)
    for i in range(4):
        one = Tasks(*({name: x[i : i + 1] for name, x in part.items()} for part in tasks))
        alone = run(loss, expand(phi, 1), FAMILY, one)
        for name in alone:
            torch.testing.assert_close(together[name][i], alone[name][0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SGD(), lambda p: torch.optim.SGD(p, lr=0.05)),
        (SGD(0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
        (Adam(), lambda p: torch.optim.Adam(p, lr=0.05)),
    ],
)
def test_inner_optimisers_equal_torch(ours, theirs):
    tasks = double(FAMILY.sample(torch.Generator().manual_seed(0), 1, "train"))
    params = InnerRun(ours, 0.05, 50)(nn.MSELoss(), {}, FAMILY, tasks)
    network = FAMILY.optimizee.build().double()
    network.load_state_dict({name: p[0] for name, p in tasks.initial.items()})
    optimizer = theirs(network.parameters())
    for _ in range(50):
        optimizer.zero_grad()
        nn.functional.mse_loss(network(tasks.data["x"][0]), tasks.data["y"][0]).backward()
        optimizer.step()
    for name, p in network.named_parameters():
        torch.testing.assert_close(params[name][0], p.detach(), rtol=1e-6, atol=1e-8)


def test_evolution_strategies_agree_with_the_unrolled_gradient():
    loss, phi, tasks = problem()
    run = InnerRun(SGD(), 0.05, 3)
    exact = Unrolled(PLAIN)(loss, phi, run, FAMILY, tasks, torch.Generator()).gradient
    generator = torch.Generator().manual_seed(0)
    estimator = EvolutionStrategies(PLAIN, pairs=2000, sigma=1e-3)
    noisy = estimator(loss, phi, run, FAMILY, tasks, generator).gradient
    a, b = (torch.cat([g[name].flatten() for name in phi]) for g in (exact, noisy))
    # the relative error of an antithetic estimate in d dimensions is about sqrt((d + 1) / pairs); four of its own
    # standard deviations are allowed on top
    d = len(a)
    assert (a - b).norm() / a.norm() < (1 + 4 / math.sqrt(2 * d)) * math.sqrt((d + 1) / 2000)


def test_a_diverged_task_is_left_out(generator):
    loss, phi, tasks = problem(2)
    tasks.data["y"][1] = math.nan
    estimate = Unrolled(PLAIN)(loss, phi, InnerRun(SGD(), 0.05, 2), FAMILY, tasks, generator)
    assert estimate.diverged == 0.5
    assert all(g.isfinite().all() for g in estimate.gradient.values())
    good = Tasks(*({name: x[:1] for name, x in part.items()} for part in tasks))
    alone = Unrolled(PLAIN)(loss, phi, InnerRun(SGD(), 0.05, 2), FAMILY, good, generator)
    for name, gradient in alone.gradient.items():
        torch.testing.assert_close(estimate.gradient[name], gradient / 2)


def test_per_task_gradients_are_clipped(generator):
    loss, phi, tasks = problem(1)
    estimate = Unrolled(PLAIN, clip=1e-3)(loss, phi, InnerRun(SGD(), 0.05, 2), FAMILY, tasks, generator)
    assert math.sqrt(sum(g.square().sum().item() for g in estimate.gradient.values())) == pytest.approx(1e-3)


def small(**changes: object) -> MetaTraining:
    training = MetaTraining(
        settings=(Setting(FAMILY, InnerRun(SGD(), 0.05, 5)),),
        estimator=EvolutionStrategies(pairs=4),
        iterations=12,
        tasks=2,
        lr=0.02,
        average=0.5,
        validate_every=3,
        validation_tasks=4,
    )
    return replace(training, **changes)


def fresh() -> LearnedLoss:
    return find_recipe("sine-regression").fresh_loss(0)


def test_meta_training_lowers_the_objective(tmp_path):
    training = small(estimator=Unrolled(clip=1.0), iterations=60, tasks=8, validation_tasks=16)
    outcome = meta_train(fresh(), training, tmp_path)
    records = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert outcome.best < records[0]["validation"] - 0.05
    assert [record["iteration"] for record in records] == list(range(0, 61, 3))


def test_the_average_of_the_iterates_is_kept(tmp_path):
    plain, averaged = fresh(), fresh()
    start = {name: p.detach().clone() for name, p in plain.named_parameters()}
    for loss, decay in ((plain, 0.0), (averaged, 0.75)):
        meta_train(loss, small(iterations=1, average=decay, keep_best=False), tmp_path)
    for name, p in plain.named_parameters():
        expected = 0.75 * start[name] + 0.25 * p
        torch.testing.assert_close(averaged.get_parameter(name), expected)


@dataclass
class Interrupting:
    """An estimator that stops the run at its n-th call."""

    inner: EvolutionStrategies
    at: int
    calls: int = 0

    def __call__(self, *arguments):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return self.inner(*arguments)

    def __repr__(self) -> str:
        return repr(self.inner)


@pytest.mark.parametrize("at", [1, 3, 4, 8, 12])
def test_an_interrupted_run_ends_bit_identical(tmp_path, at):
    whole, parts = fresh(), fresh()
    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    meta_train(whole, small(), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        meta_train(fresh(), small(estimator=Interrupting(small().estimator, at)), tmp_path / "parts")
    meta_train(parts, small(), tmp_path / "parts", resume=True)
    for name, p in whole.named_parameters():
        assert torch.equal(p, parts.get_parameter(name))
    logs = [(tmp_path / run / "log.jsonl").read_text().splitlines() for run in ("whole", "parts")]
    assert [json.loads(a)["validation"] for a in logs[0]] == [json.loads(b)["validation"] for b in logs[1]]


def test_foreign_and_damaged_checkpoints_are_refused(tmp_path):
    meta_train(fresh(), small(), tmp_path)
    with pytest.raises(CheckpointError, match="another recipe"):
        meta_train(fresh(), small(lr=0.5), tmp_path, resume=True)
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="damaged"):
        meta_train(fresh(), small(), tmp_path, resume=True)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_meta import fresh, small
from ml3zoo.meta.outer import meta_train
meta_train(fresh(), small(iterations=150), Path(sys.argv[1]), resume=True)
"""


@pytest.mark.slow
def test_a_killed_run_resumes_bit_identical(tmp_path):
    command = [sys.executable, "-c", KILLED.format(tests=str(Path(__file__).parent))]
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    subprocess.run([*command, str(tmp_path / "whole")], check=True, stderr=subprocess.DEVNULL)
    process = subprocess.Popen([*command, str(tmp_path / "killed")], stderr=subprocess.DEVNULL)
    log = tmp_path / "killed" / "log.jsonl"
    while process.poll() is None and (not log.exists() or log.read_text().count("\n") < 6):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    subprocess.run([*command, str(tmp_path / "killed")], check=True, stderr=subprocess.DEVNULL)
    whole, killed = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "killed"))
    assert whole.keys() == killed.keys()
    assert all(torch.equal(whole[name], killed[name]) for name in whole)

"""Inner runs: exact optimisers, vectorised as looped, compiled as eager."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch import nn
from torch.func import grad

from ml3zoo.errors import ConfigError
from ml3zoo.format import optimizers as declared
from ml3zoo.format.config import InnerConfig
from ml3zoo.format.schema import parse
from ml3zoo.meta.compilation import compile_per_shape
from ml3zoo.meta.estimators import Unrolled
from ml3zoo.meta.inner import InnerRun, expand
from ml3zoo.meta.optimizers import SGD, Adam, AdamW, optimizer_of
from ml3zoo.tasks.base import Tasks
from tests.problems import FAMILY, double, sine_problem

OPTIMIZERS = [
    (SGD(), lambda p: torch.optim.SGD(p, lr=0.05)),
    (SGD(0.9), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9)),
    (SGD(0.9, nesterov=True), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True)),
    (SGD(weight_decay=0.1), lambda p: torch.optim.SGD(p, lr=0.05, weight_decay=0.1)),
    (SGD(0.9, True, 0.1), lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.1)),
    (Adam(), lambda p: torch.optim.Adam(p, lr=0.05)),
    (AdamW(), lambda p: torch.optim.AdamW(p, lr=0.05)),
]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
@pytest.mark.parametrize(("ours", "theirs"), OPTIMIZERS)
def test_inner_optimisers_equal_torch(ours, theirs, schedule):
    steps = 50
    tasks = double(FAMILY.sample(torch.Generator().manual_seed(0), 1, "train"))
    run = InnerRun(ours, 0.05, steps, schedule)
    params = run(run.step(nn.MSELoss(), FAMILY), {}, tasks)
    network = FAMILY.optimizee.build().double()
    network.load_state_dict({name: p[0] for name, p in tasks.initial.items()})
    optimizer = theirs(network.parameters())
    for t in range(steps):
        if schedule == "cosine":
            optimizer.param_groups[0]["lr"] = 0.05 * 0.5 * (1 + math.cos(math.pi * t / steps))
        optimizer.zero_grad()
        nn.functional.mse_loss(network(tasks.data["x"][0]), tasks.data["y"][0]).backward()
        optimizer.step()
    for name, p in network.named_parameters():
        torch.testing.assert_close(params[name][0], p.detach(), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("optimizer", [ours for ours, _ in OPTIMIZERS], ids=str)
def test_steps_can_be_differentiated_twice(optimizer):
    one = torch.ones((), dtype=torch.float64)

    def after_three_steps(scale):
        params = {"w": torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)}
        state = optimizer.init(params)
        for t in range(1, 4):
            params, state = optimizer.step(params, {"w": scale * params["w"].sin()}, state, 0.1 * one, t * one)
        return params["w"].square().sum()

    assert torch.autograd.gradcheck(after_three_steps, one.clone().requires_grad_())
    assert torch.autograd.gradgradcheck(after_three_steps, one.clone().requires_grad_())


def test_adams_step_has_derivative_zero_where_a_gradient_is_zero():
    one, zero = torch.ones((), dtype=torch.float64), torch.zeros(1, dtype=torch.float64)

    def after_a_step(scale):
        params, _ = Adam().step({"w": zero}, {"w": scale * zero}, Adam().init({"w": zero}), 0.1 * one, one)
        return params["w"].sum()

    assert grad(after_a_step)(one).item() == 0.0


def test_vmapped_equals_looped():
    run = InnerRun(SGD(0.9), 0.02, 6)
    _, phi, tasks, problem = sine_problem(run, 4)
    together = run(problem.step, expand(phi, 4), tasks)
    for i in range(4):
        one = Tasks(*({name: x[i : i + 1] for name, x in part.items()} for part in tasks))
        alone = run(problem.step, expand(phi, 1), one)
        for name in alone:
            torch.testing.assert_close(together[name][i], alone[name][0], rtol=1e-10, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [SGD(), Adam()], ids=str)
def test_compiled_equals_eager(optimizer, generator):
    run = InnerRun(optimizer, 0.02, 4)
    found = []
    for compiled in (False, True):
        _, phi, _, problem = sine_problem(run, compiled=compiled)
        found.append(Unrolled()(problem, phi, {}, generator))
    eager, fast = found
    assert fast.objective == pytest.approx(eager.objective, rel=1e-5)
    for name, g in eager.gradient.items():
        torch.testing.assert_close(fast.gradient[name], g, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", get_args(declared.OptimizerName))
def test_every_optimiser_of_a_config_equals_torch(name, loss):
    """The functional form that meta-training uses and the optimiser that a user gets make the same steps."""
    spec = declared.OPTIMIZERS[name]
    inner = InnerConfig(optimizer=name, lr=0.05, steps=3, **dict.fromkeys(spec.settings, 0.3)).checked()
    ours = optimizer_of(inner)
    assert str(ours).startswith(spec.display)
    loss.config = loss.config.replace(inner=inner)
    theirs = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    optimizer = loss.make_optimizer([theirs])
    params = {"w": theirs.detach().clone()}
    state, one = ours.init(params), torch.ones((), dtype=torch.float64)
    for t in range(1, 4):
        grads = {"w": params["w"].sin()}
        theirs.grad = theirs.detach().sin()
        params, state = ours.step(params, grads, state, inner.lr * one, t * one)
        optimizer.step()
    torch.testing.assert_close(params["w"], theirs.detach(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    ("optimizer", "setting"), [("adam", "momentum"), ("adam", "weight_decay"), ("adamw", "momentum")]
)
def test_a_setting_that_the_optimiser_has_not_is_refused(optimizer, setting):
    raw = {"optimizer": optimizer, "lr": 0.1, "steps": 5, setting: 0.5}
    with pytest.raises(ConfigError, match=f"{optimizer} has no {setting}, only sgd.*: leave it at 0"):
        parse(InnerConfig, raw, "a config")


def test_without_a_compiler_a_warning_and_the_eager_path(monkeypatch):
    def no_compiler(function, **options):
        def call(*arguments):
            raise RuntimeError("no C++ compiler found")

        return call

    monkeypatch.setattr(torch, "compile", no_compiler)
    double_it = compile_per_shape(lambda x: 2 * x)
    with pytest.warns(UserWarning, match=r"no C\+\+ compiler found.*g\+\+"):
        assert double_it(torch.ones(3)).tolist() == [2.0] * 3
    assert double_it(torch.ones(3)).tolist() == [2.0] * 3

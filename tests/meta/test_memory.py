"""Inner runs under a loss that remembers equal a plain loop with it."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.func import vmap

from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.losses import build_loss
from ml3zoo.losses.ordinary import EarlyLearningRegularization
from ml3zoo.meta.estimators.particles import Particles
from ml3zoo.meta.inner import InnerRun, expand
from ml3zoo.meta.optimizers import SGD
from ml3zoo.tasks.class_data import Mixtures
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels

FAMILY = NoisyLabels(Mixtures(3, 5), Symmetric(), (4,), points=30, validation=4, held_out=8)
RUN = InnerRun(SGD(0.9), 0.2, 12, "cosine", batch=8)


@pytest.fixture
def loss():
    config = LossConfig(
        name="any",
        summary="For tests.",
        family="mlp",
        problem_type="classification",
        signals=(signal("probability", "detach"), signal("running_agreement"), signal("progress")),
        architecture={"hidden": [4], "terms": ["cross_entropy", "self_cross_entropy"]},
        inner=InnerConfig(lr=0.1, steps=10),
    )
    torch.manual_seed(0)
    built = build_loss(config)
    built.reset_parameters()
    return built.double().requires_grad_(False)


@pytest.fixture
def tasks():
    drawn = RUN.sample(FAMILY, torch.Generator().manual_seed(0), 2, "train")
    in_double = [{name: x.double() if x.is_floating_point() else x for name, x in part.items()} for part in drawn]
    return type(drawn)(*in_double)


def trained_in_a_plain_loop(tasks, task, call):
    """The parameters of one network; ``call(output, labels, rows)`` is the loss of a minibatch."""
    network = copy.deepcopy(FAMILY.optimizee.skeleton()).double()
    network.load_state_dict({name: p[task] for name, p in tasks.initial.items()})
    optimizer = torch.optim.SGD(network.parameters(), lr=0.2, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, RUN.steps)
    for info in RUN.step_infos(tasks):
        rows = info.rows[task].long()
        optimizer.zero_grad()
        call(network(tasks.data["x"][task][rows]), tasks.data["labels"][task][rows], rows).backward()
        optimizer.step()
        schedule.step()
    return {name: p.detach() for name, p in network.named_parameters()}


def test_a_run_is_that_of_a_plain_loop(loss, tasks):
    step = RUN.step(loss, FAMILY)
    found = RUN.under(loss, FAMILY, tasks)
    for task in range(2):
        stateful = copy.deepcopy(loss)
        stateful.total_steps = RUN.steps
        trained = trained_in_a_plain_loop(
            tasks, task, lambda output, labels, rows, stateful=stateful: stateful(output, labels)
        )
        for name, p in trained.items():
            torch.testing.assert_close(found[name][task], p, rtol=1e-5, atol=1e-7)
    assert step.start(tasks).memory["total"].shape == (2, 1)


def test_an_ordinary_loss_remembers_nothing(tasks):
    assert RUN.step(nn.CrossEntropyLoss(), FAMILY).start(tasks).memory == {}


def test_the_gradient_through_a_step_knows_of_the_memory(loss, tasks):
    """The cotangent of what is remembered reaches the parameters before the step, as finite differences say."""
    step = RUN.step(loss, FAMILY)
    phi = expand({name: p.detach() for name, p in loss.named_parameters()}, 2)
    info = next(iter(RUN.step_infos(tasks)))
    state = step.start(tasks)
    name = "0.bias"

    def remembered(bias):
        moved = state._replace(params={**state.params, name: bias})
        return step.track(phi, moved, tasks.data, info).memory["weight"].sum() + moved.params[name].sum() * 0

    assert remembered(state.params[name]) == pytest.approx(0.2)
    cotangent = torch.utils._pytree.tree_map(torch.zeros_like, state)
    cotangent.memory["weight"].fill_(1.0)
    by_phi, by_state = step.pullback(phi, state, tasks.data, info, cotangent)
    assert by_state.memory["weight"].tolist() == pytest.approx([0.9, 0.9])
    assert all(bool((g == 0).all()) for g in by_phi.values())


def test_particles_keep_what_is_remembered(loss, tasks):
    step = RUN.step(loss, FAMILY)
    state = step.start(tasks)._replace(memory={"total": torch.rand(2, 1), "weight": torch.rand(2)})
    particles = Particles((state, state), tasks.data, torch.zeros(2), torch.ones(2))
    restored = Particles._from_tensors(particles.as_tensors(), 2)
    assert torch.equal(restored.states[1].memory["total"], state.memory["total"])
    assert restored.states[0].params.keys() == state.params.keys()
    assert restored.states[0].optimizer.keys() == state.optimizer.keys()
    assert vmap(FAMILY.metric)(restored.states[0].params, tasks.data).shape == (2,)


def test_a_run_under_a_loss_that_remembers_every_row_is_that_of_a_plain_loop(tasks):
    found = RUN.under(EarlyLearningRegularization(0, 0), FAMILY, tasks)
    for task in range(2):
        trained = trained_in_a_plain_loop(tasks, task, EarlyLearningRegularization(30, 3).double())
        for name, p in trained.items():
            torch.testing.assert_close(found[name][task], p, rtol=1e-9, atol=1e-11)

"""Networks with normalisation layers: their running statistics are part of a run's state."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.func import vmap

from ml3zoo.errors import InputError
from ml3zoo.evaluate.method import Method
from ml3zoo.meta.estimators import EvolutionStrategies, MetaProblem, PersistentEvolution, Unrolled
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.interruption import Interrupted
from ml3zoo.meta.optimizers import SGD
from ml3zoo.meta.outer import TrainingConfig, meta_train
from ml3zoo.tasks.class_data import Mixtures
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels
from ml3zoo.tasks.optimizees import CNN, MLP, Optimizee
from tests.families import example_loss
from tests.meta.test_meta_training import equal, interrupting, small
from tests.problems import double


@dataclass(frozen=True)
class Labels(NoisyLabels):
    """Wrong labels for any network."""

    of: Optimizee = MLP((9, 5, 3), normalisation="batch")

    @property
    def optimizee(self) -> Optimizee:
        return self.of


def labels(optimizee: Optimizee) -> Labels:
    return Labels(Mixtures(3, 9), Symmetric(), points=29, of=optimizee)


BATCH = [MLP((9, 5, 5, 3), "tanh", normalisation="batch"), CNN(3, (4, 2), 3, "tanh", "batch")]
LAYER = [MLP((9, 5, 5, 3), normalisation="layer"), CNN(3, (4,), 3, normalisation="layer")]


@pytest.mark.parametrize("optimizee", BATCH + LAYER, ids=str)
def test_a_run_equals_a_loop_over_modules_in_training_mode(optimizee):
    family = labels(optimizee)
    run = InnerRun(SGD(0.9), 0.05, 12, batch=8)
    tasks = double(run.sample(family, torch.Generator().manual_seed(1), 3, "train"))
    found = run.under(nn.CrossEntropyLoss(), family, tasks)
    value = MetaProblem(run.step(nn.CrossEntropyLoss(), family), run, family, 3).value(found, tasks.data)
    for i in range(3):
        network = optimizee.build().double()
        network.load_state_dict({name: p[i] for name, p in tasks.initial.items()}, strict=False)
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.9)
        for step_info in run.step_infos(tasks):
            rows = step_info.rows[i].long()
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(tasks.data["x"][i, rows]), tasks.data["labels"][i, rows]).backward()
            optimizer.step()
        theirs = {name: x for name, x in network.state_dict().items() if "num_batches" not in name}
        assert theirs.keys() == found.keys()
        for name, x in theirs.items():
            torch.testing.assert_close(found[name][i], x, rtol=1e-8, atol=1e-10)
        network.eval()
        logits = network(tasks.data["x_test"][i])
        centred = logits - logits.mean(-1, keepdim=True)
        right = (4 * centred / (centred.square().mean() + 1e-6).sqrt()).softmax(-1)
        expected = 1 - right.gather(1, tasks.data["labels_test"][i][:, None]).mean()
        torch.testing.assert_close(value[i], expected.detach(), rtol=1e-8, atol=1e-10)
    assert all(not x.any() for name, x in tasks.buffers.items() if "mean" in name), "the tasks' own stay as they were"


def test_an_evaluation_measures_networks_with_their_running_statistics():
    family, loss = labels(BATCH[0]), nn.CrossEntropyLoss()
    run = InnerRun(SGD(0.9), 0.05, 6, batch=8)
    measured = Method.of(loss, family, SGD(0.9)).measure(run, 3, 4, "test", 3)
    tasks = run.sample(family, torch.Generator().manual_seed(4), 3, "test")
    errors = [
        vmap(family.metric)(networks, tasks.data)
        for networks in (tasks.initial | tasks.buffers, run.under(loss, family, tasks))
    ]
    assert measured.final.tolist() == pytest.approx(errors[1].tolist())
    assert measured.curves[[0, -1]].tolist() == [pytest.approx(each.tolist()) for each in errors]


def test_a_network_without_running_statistics_has_none():
    assert all(not optimizee.buffers(2) for optimizee in (MLP((9, 5, 3)), *LAYER))
    assert {name: x.shape for name, x in CNN(4, (2,), 3, normalisation="batch").buffers(7).items()} == {
        "2.running_mean": (7, 2),
        "2.running_var": (7, 2),
    }


@pytest.mark.parametrize("estimator", [PersistentEvolution(2, sigma=0.1), EvolutionStrategies(pairs=2), Unrolled()])
def test_an_interrupted_run_ends_bit_identical(estimator, tmp_path):
    config = TrainingConfig(labels(BATCH[0]), InnerRun(SGD(0.9), 0.05, 4, batch=8))
    training = {"training_configs": (config,), "iterations": 6, "mix": 1}
    whole, parts = example_loss("mlp-weighted-classification"), example_loss("mlp-weighted-classification")
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    meta_train(whole, small(estimator=estimator, **training), tmp_path / "whole")
    with pytest.raises(Interrupted):
        meta_train(parts, small(estimator=interrupting(estimator, 4, 15), **training), tmp_path / "parts")
    meta_train(parts, small(estimator=estimator, **training), tmp_path / "parts", resume=True)
    assert equal(whole, parts)
    whole, parts = (load_file(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


@pytest.mark.slow
@pytest.mark.parametrize("optimizee", BATCH, ids=str)
def test_compiled_equals_eager(optimizee):
    family, loss, found = labels(optimizee), nn.CrossEntropyLoss(), []
    run = InnerRun(SGD(0.9), 0.05, 3, batch=8)
    tasks = run.sample(family, torch.Generator().manual_seed(1), 2, "train")
    for compiled in (False, True):
        found.append(run(run.step(loss, family, compiled=compiled), {}, tasks))
    for name, x in found[0].items():
        torch.testing.assert_close(found[1][name], x, rtol=1e-4, atol=1e-5)


@dataclass(frozen=True)
class Custom(Optimizee):
    """A network with a layer that cannot be trained side by side."""

    layer: nn.Module

    def build(self) -> nn.Module:
        return nn.Sequential(nn.Linear(9, 5), self.layer, nn.Linear(5, 3))


def test_layers_that_cannot_run_side_by_side_are_refused_by_name():
    with pytest.raises(InputError, match=r"dropout \(1\).* Build it without, or with p=0"):
        Custom(nn.Dropout(0.5)).skeleton()
    Custom(nn.Dropout(0.0)).skeleton()
    with pytest.raises(InputError, match=r"batch normalisation \(1\) with momentum=None"):
        Custom(nn.BatchNorm1d(5, momentum=None)).skeleton()

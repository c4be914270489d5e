"""Meta-training at the learning rate that is tuned for an ordinary loss, by the error that counts."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import vmap

from ml3zoo.meta import outer
from ml3zoo.meta.estimators import EvolutionStrategies, MetaProblem, Objective
from ml3zoo.meta.inner import InnerRun, count
from ml3zoo.meta.interruption import Interrupted
from ml3zoo.meta.optimizers import SGD
from ml3zoo.meta.outer import MetaTraining, TrainingConfig, meta_train
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.class_data import Mixtures
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels

FAMILY = NoisyLabels(Mixtures(3, 5), Symmetric(), (4,), points=30, validation=20, held_out=20)
RUN = InnerRun(SGD(0.9), 0.05, 10, "cosine", batch=8)
JITTER = 3.0


def problem(loss=None) -> MetaProblem:
    ordinary = None if loss is None else RUN.step(loss, FAMILY)
    return MetaProblem(RUN.step(nn.CrossEntropyLoss(), FAMILY), RUN, FAMILY, 12, JITTER, ordinary=ordinary)


def test_the_tuned_rate_is_that_of_the_best_run():
    tasks, lr = problem(nn.CrossEntropyLoss()).sample(torch.Generator().manual_seed(0))
    assert count(tasks) == len(lr) == 12
    places = ((lr / RUN.lr).log() / JITTER + 1) * 1.5  # thirds of the range
    assert (places > -1e-4).all()
    assert (places < 3 + 1e-4).all()
    step = RUN.step(nn.CrossEntropyLoss(), FAMILY)
    score = vmap(FAMILY.selection_metric)

    def error(rates: torch.Tensor) -> torch.Tensor:
        return score(step.roll({}, step.start(tasks), tasks.data, RUN.step_infos(tasks, rates)).network, tasks.data)

    middle_of_thirds = [RUN.lr * torch.full((12,), JITTER * x).exp() for x in (-2 / 3, 0.0, 2 / 3)]
    assert error(lr).mean() <= min(error(rates).mean() for rates in middle_of_thirds)


def test_without_an_ordinary_loss_rates_are_drawn():
    _, lr = problem().sample(torch.Generator().manual_seed(0))
    assert lr.unique().numel() == 12
    _, fixed = problem().draw(torch.Generator().manual_seed(0), 5, "valid", jitter=0.0)
    torch.testing.assert_close(fixed, torch.full((5,), RUN.lr))


def test_an_exact_objective_is_the_metric():
    tasks, _ = problem().sample(torch.Generator().manual_seed(0))
    network = problem().step.start(tasks).network
    assert torch.equal(problem().value(network, tasks.data, exact=True), vmap(FAMILY.metric)(network, tasks.data))
    assert not torch.equal(problem().value(network, tasks.data), vmap(FAMILY.metric)(network, tasks.data))


@pytest.mark.parametrize("shared", [True, False])
def test_it_resumes_exactly(tmp_path, monkeypatch, shared):
    training = MetaTraining(
        (TrainingConfig(FAMILY, RUN),),
        EvolutionStrategies(Objective(exact=True), pairs=2, shared=shared),
        iterations=4,
        tasks=3,
        lr=0.1,
        validate_every=2,
        validation_tasks=4,
        keep_best=False,
        lr_jitter=JITTER,
        tuned_for=nn.CrossEntropyLoss,
    )
    whole, interrupted = (find_recipe("label-noise").fresh_loss(0) for _ in range(2))
    for folder in ("whole", "interrupted"):
        (tmp_path / folder).mkdir()
    meta_train(whole, training, tmp_path / "whole")
    monkeypatch.setattr(outer._MetaTrainingRun, "_asked", lambda run, _: run.progress.iteration == 3)
    with pytest.raises(Interrupted):
        meta_train(interrupted, training, tmp_path / "interrupted")
    monkeypatch.undo()
    meta_train(interrupted, training, tmp_path / "interrupted", resume=True)
    start = dict(find_recipe("label-noise").fresh_loss(0).named_parameters())
    for (name, p), q in zip(whole.named_parameters(), interrupted.parameters(), strict=True):
        assert torch.equal(p, q)
        assert p.numel() < 2 or not torch.equal(p, start[name])

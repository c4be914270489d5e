"""The protocol itself, on problems whose answer is known."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from ml3zoo.errors import CheckpointError, InputError
from ml3zoo.evaluate import (
    Baseline,
    Evaluation,
    Method,
    Runs,
    Setup,
    bootstrap,
    compare,
    evaluate,
    measure_cost,
    measure_setup,
    steps_to_reach,
)
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD
from ml3zoo.recipe.bench import BenchReport, Row, rerun
from ml3zoo.recipe.recipe import find_recipe, quick_evaluation
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import Sine
from ml3zoo.zoo.card import headline

FAMILY = Sine(MLP((1, 6, 1), "tanh"), standardized=True, points=20)
EVALUATION = Evaluation(
    setups=(Setup("small", FAMILY, FAMILY, SGD(), lr=0.1, learned_lr=0.05, steps=10),),
    baselines=(Baseline("MSE", nn.MSELoss), Baseline("hopeless", lambda: nn.HuberLoss(delta=1e-9))),
    grid=(0.1, 1.0, 1e6),
    validation_tasks=4,
    test_tasks=6,
    seeds=2,
)


def test_bootstrap_covers_the_mean():
    sample = np.random.default_rng(1).normal(3.0, 1.0, 400)
    interval = bootstrap(sample)
    assert interval["low"] < 3.0 < interval["high"]
    assert interval["high"] - interval["low"] == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert bootstrap(sample) == interval


def test_a_comparison_is_paired():
    theirs = np.linspace(0.1, 2, 50)
    ours = theirs - 0.05
    curves = np.stack([np.full(50, 2.0), theirs - 0.01, ours])
    never = np.zeros(50, bool)
    found = compare(Runs(ours, ours, never, curves, curves), Runs(theirs, theirs, never, curves, curves), 5)
    assert found["difference"] == {"mean": -0.05, "low": -0.05, "high": -0.05}
    assert found["won"]["mean"] == 1.0
    assert found["steps_to_reach"] == {"steps": 5, "low": 5, "high": 5}


def test_steps_to_reach_have_an_interval_and_may_be_never():
    target = np.full(40, 1.0)
    falling = np.linspace(2, 0, 21)[:, None] + np.random.default_rng(0).normal(0, 0.3, (21, 40))
    found = steps_to_reach(falling, target, 5)
    assert found["low"] <= found["steps"] <= found["high"]
    assert 40 <= found["low"] < found["high"] <= 60
    assert steps_to_reach(np.full((21, 40), 2.0), target, 5) == {"steps": None, "low": None, "high": None}


def test_diverged_runs_count_as_the_cap():
    runs = Method.of(nn.MSELoss(), FAMILY, SGD()).measure(InnerRun(SGD(), 1e6, 5), 3, 0, "test")
    assert (runs.final == 10).all()
    assert runs.diverged.all()


def test_the_best_learning_rate_and_baseline_are_chosen_on_validation():
    loss = find_recipe("sine-regression").fresh_loss(0)
    results = evaluate(loss, EVALUATION)
    json.dumps(results, allow_nan=False)
    setup = results["setups"][0]
    assert setup["baseline"] == "MSE"
    assert setup["methods"]["MSE"]["lr"] < 1e4
    assert setup["methods"]["MSE"]["objective"]["mean"] < setup["methods"]["hopeless"]["objective"]["mean"]
    assert setup["methods"]["learned"]["lr"] == loss.config.inner.lr
    assert evaluate(loss, EVALUATION)["setups"] == results["setups"]


def test_the_headline_tells_wins_and_losses():
    loss = find_recipe("sine-regression").fresh_loss(0)
    results = evaluate(loss, EVALUATION)
    against = results["setups"][0]["against_baseline"]["learned"]
    for low, high, told in ((-2, -1, "Beats"), (1, 2, "Loses"), (-1, 1, "No clear difference")):
        against["difference"] = {"mean": (low + high) / 2, "low": low, "high": high}
        assert headline(results).startswith(told)


def test_the_headline_tells_where_the_loss_does_worse():
    loss = find_recipe("sine-regression").fresh_loss(0)
    results = evaluate(loss, EVALUATION)
    setup = results["setups"][0]
    for low, high in ((-2, -1), (1, 2)):
        for method in ("learned", "learned, tuned"):
            setup["against_baseline"][method]["difference"] = {"mean": (low + high) / 2, "low": low, "high": high}
        worse = "worse in 1 of 1 setups at the recommended rate and in 1 of 1 setups tuned"
        assert headline(results).endswith(worse) == (low > 0)


def test_some_tasks_of_a_card_may_differ_by_their_spread():
    assert not Row("setup", "learned", 0.1, 0.12, spread=0.02).differs
    assert Row("setup", "learned", 0.1, 0.2, spread=0.02).differs
    assert "on some of its tasks" in BenchReport((Row("setup", "learned", 0.1, 0.12, spread=0.02),)).verdict


def test_a_replay_leaves_out_a_start_that_takes_minutes(monkeypatch):
    initial = []
    monkeypatch.setattr("ml3zoo.recipe.bench.replay_setup", lambda *arguments: initial.append(arguments[-1]) or {})
    for name in ("reacher-imitation", "mountain-car"):
        rerun(name, quick=True)
    assert [one is None for one in initial] == [True, False]


def test_runs_that_all_end_alike_differ_by_the_spread_of_the_cards(monkeypatch):
    none = np.zeros(100)
    runs = Runs(none, none, none.astype(bool), none[None], none[None])
    monkeypatch.setattr("ml3zoo.recipe.bench.replay_setup", lambda *arguments: {"learned, tuned": runs})
    (row,) = rerun("mountain-car-continuous", quick=True).rows
    assert row.now == 0 < row.card
    assert not row.differs


def test_bench_tells_what_differs():
    same, other = Row("setup", "learned", 0.1, 0.1001), Row("setup", "MSE", 0.2, 0.3)
    assert "reproduced" in BenchReport((same,)).verdict
    assert "MSE on setup: 0.200 in the card, 0.300 now" in BenchReport((same, other)).verdict


def test_quick_evaluation_is_small():
    recipe = find_recipe("sine-regression")
    quick = quick_evaluation(recipe.evaluation(recipe.config))
    assert len(quick.setups) == 1
    assert quick.test_tasks * quick.seeds <= 10


def test_cost_is_measured_against_mse():
    (row,) = measure_cost(find_recipe("sine-regression").fresh_loss(0).requires_grad_(False), (64,))
    assert row["learned_us"] > row["ordinary_us"] > 0
    assert torch.get_num_threads() >= 1


@dataclasses.dataclass(frozen=True)
class Misled(Sine):
    """A family whose selection_metric is the opposite of what is measured."""

    def selection_metric(self, params, data):
        return -self.metric(params, data)


def test_what_counts_of_a_run():
    run = InnerRun(SGD(), 0.1, 10)
    method = Method.of(nn.MSELoss(), FAMILY, SGD())
    end = method.measure(run, 5, 0, "test", 2)
    best, mean = (end.counted(counts) for counts in ("best", "mean"))
    assert end.curves.shape == (6, 5)
    np.testing.assert_allclose(end.final, end.curves[-1])
    np.testing.assert_allclose(best.final, end.curves.min(0))
    np.testing.assert_allclose(mean.final, end.curves[1:].mean(0))
    assert method.measure(run, 5, 0, "test").curves.shape == (0, 5)


def test_runs_are_chosen_by_the_criterion_and_told_by_the_metric():
    misled = Misled(FAMILY.optimizee, standardized=True, points=20)
    method = Method.of(nn.MSELoss(), misled, SGD())
    found = method.measure(InnerRun(SGD(), 0.1, 10), 5, 0, "test", 1).counted("best")
    np.testing.assert_allclose(found.final, found.curves.max(0))
    setup = dataclasses.replace(EVALUATION.setups[0], baseline_tasks=misled, own=misled)
    measured = measure_setup(find_recipe("sine-regression").fresh_loss(0), setup, EVALUATION)
    assert measured["baseline"] == "hopeless"


def test_cells_that_differ_in_what_counts_share_their_runs(monkeypatch):
    made = []
    measure = Method.measure
    monkeypatch.setattr(Method, "measure", lambda *args: made.append(1) or measure(*args))
    setups = tuple(dataclasses.replace(EVALUATION.setups[0], reported_step=counts) for counts in ("last", "best"))
    loss = find_recipe("sine-regression").fresh_loss(0)
    both = evaluate(loss, dataclasses.replace(EVALUATION, setups=setups))["setups"]
    shared = len(made)
    for setup, found in zip(setups, both, strict=True):
        assert measure_setup(loss, setup, dataclasses.replace(EVALUATION, setups=setups)) == found
    assert shared < 0.7 * (len(made) - shared)


def cells_of(*steps: int) -> Evaluation:
    setup = EVALUATION.setups[0]
    return dataclasses.replace(EVALUATION, setups=tuple(dataclasses.replace(setup, steps=n) for n in steps))


def test_an_interrupted_evaluation_goes_on_where_it_stopped(tmp_path, monkeypatch):
    evaluation, cache = cells_of(4, 6, 8), tmp_path / "evaluation.json"
    loss, other = (find_recipe("sine-regression").fresh_loss(seed) for seed in (0, 1))
    whole = evaluate(loss, evaluation)["setups"]
    measured = []

    def interrupted(loss, setup, *rest):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(setup.steps)
        return measure_setup(loss, setup, *rest)

    monkeypatch.setattr("ml3zoo.evaluate.measure.measure_setup", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(loss, evaluation, cache=cache)
    measured.clear()
    assert evaluate(loss, evaluation, cache=cache)["setups"] == whole
    assert measured == [8]
    measured.clear()
    with pytest.raises(KeyboardInterrupt):
        evaluate(other, evaluation, cache=cache)
    assert measured == [4, 6]


def test_a_journal_of_something_else_or_a_damaged_one(tmp_path):
    cache, setup = tmp_path / "evaluation.json", EVALUATION.setups[0]
    loss = find_recipe("sine-regression").fresh_loss(0)
    evaluate(loss, EVALUATION, cache=cache)
    other = dataclasses.replace(EVALUATION, setups=(dataclasses.replace(setup, unseen="data"),))
    assert evaluate(loss, other, cache=cache)["setups"][0]["unseen"] == "data"
    beside = evaluate(loss, other, find_recipe("sine-regression").fresh_loss(1), cache=cache)
    assert "initial loss" in beside["setups"][0]["methods"]
    for text in ("", "[]", '{"setups": {}}', '{"fingerprint": "x", "setups'):
        cache.write_text(text)
        with pytest.raises(CheckpointError, match=r"evaluation\.json is damaged .* Delete it"):
            evaluate(loss, EVALUATION, cache=cache)


def test_cells_of_one_name_are_refused():
    with pytest.raises(InputError, match="two setups of an evaluation are both named 'small under SGD, 10 steps'"):
        dataclasses.replace(EVALUATION, setups=EVALUATION.setups * 2)


SHARED = """\
import json, pathlib, sys
from ml3zoo.evaluate import evaluate
from ml3zoo.meta.ranks import joined_ranks
from ml3zoo.recipe import find_recipe
from tests.evaluate.test_protocol import cells_of

folder = pathlib.Path(sys.argv[1])
with joined_ranks() as ranks:
    cache = folder / "evaluation.json"
    found = evaluate(find_recipe("sine-regression").fresh_loss(0), cells_of(4, 6, 8), cache=cache, ranks=ranks)
(folder / f"{ranks.rank}.json").write_text(json.dumps(found))
"""


@pytest.mark.slow
def test_ranks_share_the_cells(tmp_path):
    (tmp_path / "run.py").write_text(SHARED)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([*launcher, str(tmp_path / "run.py"), str(tmp_path)], env=environment, check=True)
    alone = evaluate(find_recipe("sine-regression").fresh_loss(0), cells_of(4, 6, 8))
    for rank in range(2):
        assert json.loads((tmp_path / f"{rank}.json").read_text()) == alone
    assert len(json.loads((tmp_path / "evaluation.json").read_text())["setups"]) == 3


def test_of_one_loss_the_best_hyper_parameters_are_measured():
    losses = (
        Baseline("Huber", lambda: nn.HuberLoss(delta=1e-9), "δ tiny"),
        Baseline("Huber", nn.HuberLoss, "δ = 1"),
        Baseline("MAE", nn.L1Loss),
    )
    evaluation = dataclasses.replace(EVALUATION, baselines=losses)
    measured = measure_setup(find_recipe("sine-regression").fresh_loss(0), evaluation.setups[0], evaluation)
    assert measured["methods"]["Huber"]["hyper"] == "δ = 1"
    assert "MAE" in measured["methods"]

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
from torch import nn

from ml3zoo.errors import CheckpointError, ConfigError, InputError
from ml3zoo.evaluate import (
    Baseline,
    Evaluation,
    Method,
    Runs,
    Selected,
    Setup,
    bootstrap,
    compare,
    evaluate,
    measure_cost,
    measure_setup,
    select,
    steps_to_reach,
)
from ml3zoo.evaluate.cost import _seconds
from ml3zoo.format.results import (
    CostResult,
    Interval,
    MethodResult,
    Results,
    SetupResult,
    StepsToReach,
    read_results,
    write_results,
)
from ml3zoo.format.schema import parse
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD
from ml3zoo.recipe.bench import BenchReport, Row, rerun
from ml3zoo.recipe.recipe import find_recipe, quick_evaluation
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import Sine
from ml3zoo.zoo.verdicts import headline

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
    assert interval.low < 3.0 < interval.high
    assert interval.high - interval.low == pytest.approx(2 * 1.96 / 20, rel=0.15)
    assert bootstrap(sample) == interval


def test_a_comparison_is_paired():
    theirs = np.linspace(0.1, 2, 50)
    ours = theirs - 0.05
    curves = np.stack([np.full(50, 2.0), theirs - 0.01, ours])
    never = np.zeros(50, bool)
    found = compare(Runs(ours, ours, never, curves, curves), Runs(theirs, theirs, never, curves, curves), 5)
    assert found.difference == Interval(-0.05, -0.05, -0.05)
    assert found.won.mean == 1.0
    assert found.steps_to_reach == StepsToReach(5, 5, 5)
    assert found.verdict == "better"


def test_a_baseline_without_errors_gives_no_ratio():
    none, never = np.zeros(50), np.zeros(50, bool)
    curves = np.stack([none + 1, none])
    ours, theirs = (Runs(final, final, never, curves, curves) for final in (none + 0.1, none))
    assert compare(ours, theirs, 5).ratio is None
    assert compare(ours, theirs, 5).verdict == "worse"


def test_steps_to_reach_have_an_interval_and_may_be_never():
    target = np.full(40, 1.0)
    falling = np.linspace(2, 0, 21)[:, None] + np.random.default_rng(0).normal(0, 0.3, (21, 40))
    found = steps_to_reach(falling, target, 5)
    assert 40 <= found.low <= found.steps <= found.high <= 60
    assert found.low < found.high
    assert steps_to_reach(np.full((21, 40), 2.0), target, 5) == StepsToReach(None, None, None)


def test_diverged_runs_count_as_the_cap():
    runs = Method.of(nn.MSELoss(), FAMILY, SGD()).measure(InnerRun(SGD(), 1e6, 5), 3, 0, "test")
    assert (runs.final == 10).all()
    assert runs.diverged.all()


def fresh(seed: int = 0) -> LearnedLoss:
    return find_recipe("sine-regression").fresh_loss(seed)


def methods_of(measured: SetupResult) -> dict[str, MethodResult]:
    """Every method by how a table shows it."""
    return {str(method): method for method in measured.methods}


def test_the_best_learning_rate_and_baseline_are_chosen_on_validation():
    loss = fresh()
    results = evaluate(loss, EVALUATION)
    assert results.checked() == results
    (measured,) = results.setups
    methods = methods_of(measured)
    assert measured.baseline == methods["MSE"]
    assert methods["MSE"].lr < 1e4
    assert methods["MSE"].objective.mean < methods["hopeless"].objective.mean
    assert methods["learned, recommended"].lr == loss.config.inner.lr
    assert methods["MSE, at the learned loss's rate"].lr == loss.config.inner.lr
    assert evaluate(loss, EVALUATION).setups == results.setups


def test_a_setup_may_fix_the_schedule_for_every_method():
    setup = dataclasses.replace(EVALUATION.setups[0], schedule="cosine")
    (measured,) = evaluate(fresh(), dataclasses.replace(EVALUATION, setups=(setup,))).setups
    assert {method.schedule for method in measured.methods} == {"cosine"}
    assert str(measured.setup) == "small under SGD, cosine, 10 steps"


def test_the_lowest_score_is_selected_and_the_first_of_equals():
    assert select("abcd", {"a": 2.0, "b": 1.0, "c": 1.0, "d": 3.0}.__getitem__) == Selected("b", 1.0)
    assert select([3, 1, 2], lambda each: (0.0, float(each))).candidate == 1
    with pytest.raises(ValueError, match="empty"):
        select([], float)


def changed(results: Results, **differences: tuple[float, float]) -> Results:
    """Results whose differences to the baseline are these intervals, by use of the learned loss."""
    (measured,) = results.setups
    methods = []
    for method in measured.methods:
        if method.comparison and method.use in differences:
            low, high = differences[method.use]
            comparison = method.comparison.replace(difference=Interval((low + high) / 2, low, high))
            methods.append(method.replace(comparison=comparison))
        else:
            methods.append(method)
    return results.replace(setups=(measured.replace(methods=tuple(methods)),))


@pytest.fixture(scope="module")
def results() -> Results:
    return evaluate(fresh(), EVALUATION)


@pytest.mark.parametrize(
    ("low", "high", "begins"), [(-2, -1, "Beats"), (1, 2, "Loses"), (-1, 1, "No clear difference")]
)
def test_the_headline_tells_wins_and_losses(results, low, high, begins):
    assert headline(changed(results, recommended=(low, high))).startswith(f"{begins} ")


def test_the_headline_tells_in_how_many_setups_the_loss_does_worse(results):
    better, worse = (-2, -1), (1, 2)
    begins = "; worse in 1 of 1 setups "
    assert "; worse" not in headline(changed(results, recommended=better, tuned=better))
    assert headline(changed(results, recommended=worse, tuned=better)).endswith(f"{begins}at the recommended rate")
    assert headline(changed(results, recommended=better, tuned=worse)).endswith(f"{begins}when tuned")
    both = headline(changed(results, recommended=worse, tuned=worse))
    assert both.endswith(f"{begins}at the recommended rate, 1 of 1 when tuned")


@pytest.mark.parametrize(
    "broken",
    [
        lambda results: results | {"setups": []},
        lambda results: results | {"surprise": 1},
        lambda results: results | {"headline": "A" * 10_000},
        lambda results: results | {"evaluation_minutes": 1e31},
    ],
)
def test_results_out_of_bounds_are_refused(results, tmp_path, broken):
    write_results(results, tmp_path)
    assert read_results(tmp_path) == results
    raw = json.loads((tmp_path / "results.json").read_text())
    (tmp_path / "results.json").write_text(json.dumps(broken(raw)))
    with pytest.raises(ConfigError, match=r"results\.json is not valid"):
        read_results(tmp_path)


@pytest.mark.parametrize("kept", [lambda each: not each.selected, lambda each: each.role != "learned"])
def test_a_setup_without_a_selected_baseline_or_a_tuned_learned_loss_is_refused(results, kept):
    (measured,) = results.setups
    with pytest.raises(ValueError, match="was expected among the methods"):
        SetupResult(measured.setup, measured.observed, tuple(filter(kept, measured.methods)))


def test_a_curve_has_a_point_per_observed_step(results):
    (measured,) = results.setups
    with pytest.raises(ValueError, match="points, one per step observed"):
        SetupResult(measured.setup, measured.observed[1:], measured.methods)


def test_a_loss_that_was_never_measured_has_no_results(tmp_path):
    assert read_results(tmp_path) is None


def test_some_tasks_of_a_card_may_differ_by_their_spread():
    assert not Row("setup", "learned", 0.1, 0.12, spread=0.02).differs
    assert Row("setup", "learned", 0.1, 0.2, spread=0.02).differs
    assert "on some of its tasks" in BenchReport((Row("setup", "learned", 0.1, 0.12, spread=0.02),)).verdict


def test_a_replay_leaves_out_an_initial_loss_that_takes_minutes(monkeypatch):
    initial = []
    monkeypatch.setattr("ml3zoo.recipe.bench.replay_setup", lambda *arguments: initial.append(arguments[-1]) or ())
    for name in ("reacher-imitation", "mountain-car"):
        rerun(name, quick=True)
    assert [one is None for one in initial] == [True, False]


def test_runs_that_all_end_alike_differ_by_the_spread_of_the_cards(monkeypatch):
    none = np.zeros(100)
    runs = Runs(none, none, none.astype(bool), none[None], none[None])
    monkeypatch.setattr(
        "ml3zoo.recipe.bench.replay_setup",
        lambda loss, setup, evaluation, methods, initial: [
            (method, runs) for method in methods if str(method) == "learned, tuned"
        ],
    )
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


def test_cost_is_measured_of_learned_and_ordinary_loss(monkeypatch):
    calls = []

    def timed(work, size):
        calls.append(size)
        work()
        return 1e-6 * len(calls)

    monkeypatch.setattr("ml3zoo.evaluate.cost._seconds", timed)
    rows = measure_cost(fresh().requires_grad_(False), (64, 128))
    assert rows == (CostResult(64, 1.0, 2.0, "mse_loss"), CostResult(128, 3.0, 4.0, "mse_loss"))
    assert calls == [64, 64, 128, 128]


def test_a_time_is_the_median_of_several_calls(monkeypatch):
    lengths = [100.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 3.0]
    ticks = iter([tick for length in lengths for tick in (0.0, length)])
    monkeypatch.setattr("ml3zoo.evaluate.cost.time.perf_counter", lambda: next(ticks))
    assert _seconds(lambda: None, 100_000) == 2.0


@dataclasses.dataclass(frozen=True)
class Misled(Sine):
    """A family whose selection metric is the opposite of its metric."""

    def selection_metric(self, params, data):
        return -self.metric(params, data)


def test_the_reported_step_of_a_run():
    run = InnerRun(SGD(), 0.1, 10)
    method = Method.of(nn.MSELoss(), FAMILY, SGD())
    end = method.measure(run, 5, 0, "test", 2)
    best, mean = (end.reported(step) for step in ("best", "mean"))
    assert end.curves.shape == (6, 5)
    np.testing.assert_allclose(end.final, end.curves[-1])
    np.testing.assert_allclose(best.final, end.curves.min(0))
    np.testing.assert_allclose(mean.final, end.curves[1:].mean(0))
    assert method.measure(run, 5, 0, "test").curves.shape == (0, 5)


def test_runs_are_chosen_by_the_selection_metric_and_reported_by_the_metric():
    misled = Misled(FAMILY.optimizee, standardized=True, points=20)
    method = Method.of(nn.MSELoss(), misled, SGD())
    found = method.measure(InnerRun(SGD(), 0.1, 10), 5, 0, "test", 1).reported("best")
    np.testing.assert_allclose(found.final, found.curves.max(0))
    setup = dataclasses.replace(EVALUATION.setups[0], baseline_tasks=misled, tasks=misled)
    assert measure_setup(fresh(), setup, EVALUATION).baseline.name == "hopeless"


def test_setups_that_differ_in_their_reported_step_share_their_runs(monkeypatch):
    made = []
    measure = Method.measure_rates
    monkeypatch.setattr(Method, "measure_rates", lambda *args: made.append(1) or measure(*args))
    setups = tuple(dataclasses.replace(EVALUATION.setups[0], reported_step=step) for step in ("last", "best"))
    loss = fresh()
    both = evaluate(loss, dataclasses.replace(EVALUATION, setups=setups)).setups
    shared = len(made)
    for setup, found in zip(setups, both, strict=True):
        assert measure_setup(loss, setup, dataclasses.replace(EVALUATION, setups=setups)) == found
    assert shared < 0.7 * (len(made) - shared)


def setups_of(*steps: int) -> Evaluation:
    setup = EVALUATION.setups[0]
    return dataclasses.replace(EVALUATION, setups=tuple(dataclasses.replace(setup, steps=n) for n in steps))


def test_an_interrupted_evaluation_goes_on_where_it_stopped(tmp_path, monkeypatch):
    evaluation, cache = setups_of(4, 6, 8), tmp_path / "evaluation.json"
    loss, other = fresh(0), fresh(1)
    whole = evaluate(loss, evaluation).setups
    measured = []

    def interrupted(loss, setup, *rest):
        if len(measured) == 2:
            raise KeyboardInterrupt
        measured.append(setup.steps)
        return measure_setup(loss, setup, *rest)

    monkeypatch.setattr("ml3zoo.evaluate.evaluation.measure_setup", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate(loss, evaluation, cache=cache)
    measured.clear()
    assert evaluate(loss, evaluation, cache=cache).setups == whole
    assert measured == [8]
    measured.clear()
    with pytest.raises(KeyboardInterrupt):
        evaluate(other, evaluation, cache=cache)
    assert measured == [4, 6]


def test_a_cache_of_something_else_or_a_damaged_one(tmp_path):
    cache, setup = tmp_path / "evaluation.json", EVALUATION.setups[0]
    loss = fresh()
    evaluate(loss, EVALUATION, cache=cache)
    other = dataclasses.replace(EVALUATION, setups=(dataclasses.replace(setup, unseen="data"),))
    assert evaluate(loss, other, cache=cache).setups[0].setup.unseen == "data"
    beside = evaluate(loss, other, fresh(1), cache=cache)
    assert "initial loss" in methods_of(beside.setups[0])
    for text in ("", "[]", '{"setups": []}', '{"fingerprint": "x", "setups'):
        cache.write_text(text)
        with pytest.raises(CheckpointError, match=r"evaluation\.json is damaged .* Delete it"):
            evaluate(loss, EVALUATION, cache=cache)


def test_setups_of_one_name_are_refused():
    with pytest.raises(InputError, match="two setups of an evaluation are both named 'small under SGD, 10 steps'"):
        dataclasses.replace(EVALUATION, setups=EVALUATION.setups * 2)


SHARED = """\
import json, pathlib, sys
from ml3zoo.evaluate import evaluate
from ml3zoo.meta.ranks import joined_ranks
from tests.evaluate.test_protocol import fresh, setups_of

folder = pathlib.Path(sys.argv[1])
with joined_ranks() as ranks:
    cache = folder / "evaluation.json"
    found = evaluate(fresh(), setups_of(4, 6, 8), cache=cache, ranks=ranks)
(folder / f"{ranks.rank}.json").write_text(json.dumps(found.builtins()))
"""


@pytest.mark.slow
def test_ranks_share_the_setups(tmp_path):
    (tmp_path / "run.py").write_text(SHARED)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([*launcher, str(tmp_path / "run.py"), str(tmp_path)], env=environment, check=True)
    alone = evaluate(fresh(), setups_of(4, 6, 8))
    for rank in range(2):
        assert parse(Results, json.loads((tmp_path / f"{rank}.json").read_text()), "results") == alone
    assert len(json.loads((tmp_path / "evaluation.json").read_text())["setups"]) == 3


def test_of_one_loss_the_best_hyper_parameters_are_measured():
    losses = (
        Baseline("Huber", lambda: nn.HuberLoss(delta=1e-9), "δ tiny"),
        Baseline("Huber", nn.HuberLoss, "δ = 1"),
        Baseline("MAE", nn.L1Loss),
    )
    evaluation = dataclasses.replace(EVALUATION, baselines=losses)
    measured = measure_setup(fresh(), evaluation.setups[0], evaluation)
    methods = methods_of(measured)
    assert methods["Huber"].hyper == "δ = 1"
    assert "MAE" in methods

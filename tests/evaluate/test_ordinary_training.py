"""Ordinary training: all losses swapped in and tuned, grids that grow, runs shared among evaluations, rankings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from ml3zoo.errors import CheckpointError, InputError
from ml3zoo.evaluate import (
    Baseline,
    Evaluation,
    Method,
    Setup,
    evaluate,
    measure_another,
    measure_setup,
    replay_setup,
    swapped_in,
)
from ml3zoo.evaluate.ranking import average_ranks, rank, shares_won
from ml3zoo.format.results import (
    CostResult,
    Curve,
    Interval,
    MethodResult,
    PairedComparison,
    Results,
    SetupDescription,
    SetupResult,
    StepsToReach,
    Use,
    read_results,
    write_results,
)
from ml3zoo.losses import LearnedLoss
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam, optimizer_of
from ml3zoo.plots.measured import draw_curves, draw_ranks
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import Sine
from ml3zoo.zoo.card import render_card
from ml3zoo.zoo.verdicts import headline

FAMILY = Sine(MLP((1, 6, 1), "tanh"), standardized=True, points=20)


def fresh(seed: int = 0) -> LearnedLoss:
    return find_recipe("sine-regression").fresh_loss(seed).requires_grad_(False)


OWN = optimizer_of(fresh().config.inner)


def setup_of(data: str, noise: str, optimizer: SGD | Adam = OWN, points: int = 20) -> Setup:
    family = dataclasses.replace(FAMILY, points=points)
    return Setup(
        "small",
        family,
        family,
        optimizer,
        lr=0.1,
        learned_lr=0.1,
        steps=10,
        schedule="cosine",
        data=data,
        noise=noise,
        unseen="data",
        batch=4,
        epochs=2,
    )


EVALUATION = Evaluation(
    setups=(setup_of("sines", "none"), setup_of("sines", "some", points=24), setup_of("more", "none", Adam(), 16)),
    baselines=(
        Baseline("MSE", nn.MSELoss),
        Baseline("Huber", lambda: nn.HuberLoss(delta=0.1), "δ = 0.1"),
        Baseline("Huber", lambda: nn.HuberLoss(delta=1.0), "δ = 1"),
        Baseline("MAE", nn.L1Loss),
    ),
    grid=(0.1, 1.0),
    growth=2,
    validation_tasks=3,
    test_tasks=4,
    seeds=1,
    observations=5,
)


@pytest.fixture(scope="module")
def results() -> Results:
    return evaluate(fresh(), EVALUATION)


def used(measured: SetupResult, use: Use) -> dict[str, MethodResult]:
    return {method.name: method for method in measured.methods if method.use == use}


@pytest.mark.parametrize("batch", [None, 4])
def test_rates_side_by_side_are_the_rates_one_by_one(batch):
    method = Method.of(nn.MSELoss(), FAMILY, SGD(momentum=0.9))
    run = InnerRun(SGD(momentum=0.9), 1.0, 12, "cosine", batch)
    rates = [0.01 * 2**k for k in range(7)]
    together = method.measure_rates(run, rates, 9, 3, "valid", 4)
    for rate, runs in zip(rates, together, strict=True):
        alone = method.measure(dataclasses.replace(run, lr=rate), 9, 3, "valid", 4)
        for field in dataclasses.fields(runs):
            np.testing.assert_array_equal(getattr(runs, field.name), getattr(alone, field.name))


def test_large_tasks_are_trained_in_smaller_parts(monkeypatch):
    method = Method.of(nn.MSELoss(), FAMILY, SGD())
    run = InnerRun(SGD(), 0.1, 5)
    whole = method.measure(run, 7, 0, "test")
    monkeypatch.setattr("ml3zoo.evaluate.method._BYTES", 1)
    np.testing.assert_allclose(method.measure(run, 7, 0, "test").final, whole.final, rtol=1e-5)


def test_every_loss_is_tuned_and_swapped_in_at_the_rate_of_the_first(results):
    assert results.checked() == results
    for measured in results.setups:
        tuned, swapped_in = used(measured, "tuned"), used(measured, "swapped in")
        assert tuned.keys() == swapped_in.keys() == {"MSE", "Huber", "MAE", "learned"}
        assert {method.lr for method in swapped_in.values()} == {tuned["MSE"].lr}
        assert swapped_in["MSE"].objective == tuned["MSE"].objective
        assert {str(method) for method in measured.methods} >= {"learned, swapped in", "Huber, swapped in", "Huber"}
        assert measured.shown == swapped_in["learned"]


def test_hyper_parameters_are_chosen_for_the_rate_swapped_in_at():
    """An error this small is beyond a Huber loss of 1e-9 at the rate of MSE, and not at its own."""
    losses = (
        Baseline("MSE", nn.MSELoss),
        Baseline("Huber", lambda: nn.HuberLoss(delta=1e-9), "tiny"),
        Baseline("Huber", nn.HuberLoss, "one"),
    )
    evaluation = dataclasses.replace(EVALUATION, baselines=losses)
    measured = measure_setup(fresh(), EVALUATION.setups[0], evaluation)
    assert used(measured, "swapped in")["Huber"].hyper == "one"


def test_the_recommended_rate_is_measured_under_the_losss_own_optimizer_alone(results):
    recommended = [used(measured, "recommended") for measured in results.setups]
    assert [each.keys() for each in recommended] == [{"learned"}, {"learned"}, set()]
    assert recommended[0]["learned"].lr == fresh().config.inner.lr


def test_curves_are_kept_of_the_losses_compared(results):
    for measured in results.setups:
        for method in measured.methods:
            assert (method.curve is not None) == (method.role == "learned" or method.selected)


def test_a_setup_says_how_it_trains():
    assert str(setup_of("sines", "none")) == f"sines, none, small under {OWN}, cosine, batch 4, 2 epochs"
    by_steps = dataclasses.replace(setup_of("sines", "none"), epochs=None)
    assert str(by_steps).endswith(", cosine, batch 4, 10 steps")


@pytest.mark.parametrize(("growth", "tried"), [(0, 2), (2, 4), (4, 6)])
def test_the_grid_grows_where_the_best_rate_lies_at_an_edge(monkeypatch, growth, tried):
    rates = set()
    measure = Method.measure_rates

    def record(self, run, rates_now, n, seed, split, every):
        if split == "valid":
            rates.update(rates_now)
        return measure(self, run, rates_now, n, seed, split, every)

    monkeypatch.setattr(Method, "measure_rates", record)
    setup = dataclasses.replace(EVALUATION.setups[0], lr=1e-5, learned_lr=1e-5)
    evaluation = dataclasses.replace(EVALUATION, grid=(1.0, 2.0), growth=growth, baselines=EVALUATION.baselines[:1])
    measured = measure_setup(fresh(), setup, evaluation)
    assert sorted(rates) == pytest.approx([1e-5 * 2**k for k in range(tried)])
    assert used(measured, "tuned")["MSE"].lr == pytest.approx(1e-5 * 2 ** (tried - 1))


def test_the_grid_grows_downwards_and_stops_once_the_best_rate_lies_inside():
    setup = dataclasses.replace(EVALUATION.setups[0], lr=1e6)
    evaluation = dataclasses.replace(EVALUATION, grid=(0.1, 1.0), growth=20)
    best = used(measure_setup(fresh(), setup, evaluation), "tuned")["MSE"].lr
    assert 1e-3 < best < 10
    assert np.log10(best) == pytest.approx(round(np.log10(best)))


def test_a_grid_of_one_value_cannot_grow():
    with pytest.raises(InputError, match="needs two values at least"):
        dataclasses.replace(EVALUATION, grid=(1.0,))


def test_a_replay_of_what_was_swapped_in(results):
    setup, measured = EVALUATION.setups[0], results.setups[0]
    methods = [*used(measured, "swapped in").values(), *used(measured, "recommended").values()]
    for method, runs in replay_setup(fresh(), setup, EVALUATION, methods):
        assert runs.final.mean() == pytest.approx(method.objective.mean, abs=1e-5)


def trainings(monkeypatch) -> list[str]:
    """Names of the losses that networks are trained under from now on."""
    found: list[str] = []
    measure = Method.measure_rates
    monkeypatch.setattr(
        Method,
        "measure_rates",
        lambda self, *args: found.append(type(self.step.loss).__name__) or measure(self, *args),
    )
    return found


def test_runs_of_ordinary_losses_are_made_once_for_all_evaluations(results, tmp_path, monkeypatch):
    folder = tmp_path / "baselines"
    assert evaluate(fresh(), EVALUATION, baseline_runs=folder) == results
    trained = trainings(monkeypatch)
    assert evaluate(fresh(), EVALUATION, baseline_runs=folder) == results
    assert set(trained) == {type(fresh()).__name__}
    trained.clear()
    other = evaluate(fresh(1), EVALUATION, baseline_runs=folder)
    assert set(trained) == {type(fresh()).__name__}
    for one, another in zip(results.setups, other.setups, strict=True):
        assert used(one, "tuned")["MAE"] == used(another, "tuned")["MAE"]


def test_runs_under_other_settings_are_made_anew(tmp_path, monkeypatch):
    setup = EVALUATION.setups[0]

    def measured(delta: float = 0.1, steps: int = 10) -> list[str]:
        losses = (Baseline("Huber", lambda: nn.HuberLoss(delta=delta)),)
        setups = (dataclasses.replace(setup, steps=steps),)
        trained.clear()
        evaluate(fresh(), dataclasses.replace(EVALUATION, baselines=losses, setups=setups), baseline_runs=tmp_path)
        return [name for name in trained if name == "HuberLoss"]

    trained = trainings(monkeypatch)
    assert measured()
    assert not measured()
    assert measured(delta=0.2)
    assert measured(steps=11)
    monkeypatch.setattr(torch, "__version__", "0")
    assert measured()


def test_a_damaged_file_of_runs_is_told(tmp_path):
    one = dataclasses.replace(EVALUATION, setups=EVALUATION.setups[:1])
    evaluate(fresh(), one, baseline_runs=tmp_path)
    for path in tmp_path.iterdir():
        path.write_bytes(b"not this")
    with pytest.raises(CheckpointError, match=r"is damaged .* Delete it; they are then made again"):
        evaluate(fresh(), one, baseline_runs=tmp_path)


def test_equal_values_share_their_ranks_and_wins():
    values = np.array([[0.3, 0.1, 0.2, 0.1], [1.0, 1.0, 1.0, 1.0], [4.0, 3.0, 2.0, 1.0]])
    np.testing.assert_array_equal(average_ranks(values), [[4, 1.5, 3, 1.5], [2.5] * 4, [4, 3, 2, 1]])
    np.testing.assert_array_equal(shares_won(values), [[0, 0.5, 0, 0.5], [0.25] * 4, [0, 0, 0, 1]])


def method(name: str, use: Use, value: float, **more: object) -> MethodResult:
    exact = Interval(value, value, value)
    role = "learned" if name == "learned" else "baseline"
    compared = {"comparison": PairedComparison(exact, 1.0, exact, StepsToReach(1, 1, 1)), "curve": CURVE}
    fields: dict[str, object] = {"hyper": "q = 0.7" if name == "C" else ""} | (compared if role == "learned" else more)
    return MethodResult(name, role, use, 0.0123456789, "cosine", exact, value, Interval(0, 0, 0), **fields)


CURVE = Curve(*((0.12345,) * 6,) * 3)
COST = (CostResult(64, 1.0, 2.0, "mse_loss"),)


def measured_by_hand(data: str, noise: str, optimizer: str, values: dict[str, float], others: int = 0) -> SetupResult:
    """A setup in which losses reach these values in both ways, tuned a tenth less."""
    values = values | {f"loss {k}": 0.9 for k in range(others)}
    tuned = [method(name, "tuned", x - 0.1, selected=name == "A", curve=CURVE) for name, x in values.items()]
    tuned = [each if each.selected or each.comparison else each.replace(curve=None) for each in tuned]
    swapped_in = [method(name, "swapped in", x) for name, x in values.items()]
    setup = SetupDescription("MLP", optimizer, 500, "cosine", data, noise, "data", batch=128, epochs=20)
    return SetupResult(setup, tuple(range(0, 501, 100)), (*tuned, *swapped_in))


BY_HAND = (
    measured_by_hand("one", "0 %", "SGD", {"A": 0.2, "C": 0.3, "learned": 0.1}),
    measured_by_hand("one", "40 %", "SGD", {"A": 0.4, "C": 0.3, "learned": 0.2}),
    measured_by_hand("one", "40 %", "Adam", {"A": 0.6, "C": 0.5, "learned": 0.7}),
    measured_by_hand("two", "0 %", "SGD", {"A": 0.2, "C": 0.8, "learned": 0.2}),
)


def test_a_ranking_is_the_mean_over_data_sets():
    swapped_in, tuned = rank(BY_HAND)
    assert (swapped_in.use, tuned.use) == ("swapped in", "tuned")
    assert (swapped_in.setups, swapped_in.data_sets, swapped_in.reference) == (4, 2, "A")
    assert [each.name for each in swapped_in.methods] == ["learned", "A", "C"]
    ranks = {each.name: each.rank.mean for each in swapped_in.methods}
    assert ranks["learned"] == pytest.approx(((1 + 1 + 3) / 3 + 1.5) / 2, abs=1e-5)
    assert ranks["A"] == pytest.approx(((2 + 3 + 2) / 3 + 1.5) / 2, abs=1e-5)
    assert ranks["C"] == pytest.approx(((3 + 2 + 1) / 3 + 3) / 2, abs=1e-5)
    learned = swapped_in.learned
    assert (learned.rank.low, learned.rank.high) == pytest.approx((1.5, 5 / 3), abs=1e-5)
    assert learned.won.mean == pytest.approx((2 / 3 + 1 / 2) / 2, abs=1e-5)
    none, some = learned.levels
    assert (none.noise, some.noise) == ("0 %", "40 %")
    assert none.metric.mean == pytest.approx((0.1 + 0.2) / 2)
    assert none.difference == Interval(-0.05, -0.1, 0.0)
    assert some.metric.mean == pytest.approx((0.2 + 0.7) / 2)
    assert some.difference.mean == pytest.approx((-0.2 + 0.1) / 2)
    assert swapped_in.ordinary.name == "A"


def test_setups_without_losses_swapped_in_are_not_ranked(results):
    (measured,) = evaluate(
        fresh(), dataclasses.replace(EVALUATION, setups=(dataclasses.replace(EVALUATION.setups[0], batch=None),))
    ).setups
    assert rank([measured]) == ()
    assert rank([measured, *BY_HAND]) == rank(BY_HAND)
    assert results.rankings == rank(results.setups)


def test_a_hundred_and_twenty_setups_fit_in_a_file(results, tmp_path):
    setups = tuple(
        measured_by_hand(f"data set {k}", noise, optimizer, {"A": 0.12345, "C": 0.23456, "learned": 0.34567}, others=9)
        for k in range(12)
        for noise in ("no noise", "20 % symmetric", "40 % symmetric", "60 % symmetric", "30 % asymmetric")
        for optimizer in ("SGD, momentum 0.9", "AdamW, weight decay 0.01")
    )
    write_results(results.replace(setups=setups, rankings=rank(setups)), tmp_path)
    assert (tmp_path / "results.json").stat().st_size < 1_000_000
    assert read_results(tmp_path).setups == setups


def test_another_loss_is_measured_at_the_same_rates(results):
    same = measure_another(fresh(), EVALUATION, results)
    metrics = {setup.setup: setup.shown.objective.mean for setup in results.setups}
    by_data = {name: [x for setup, x in metrics.items() if setup.data == name] for name in ("sines", "more")}
    assert same.mean == pytest.approx(np.mean([np.mean(values) for values in by_data.values()]), abs=2e-5)
    assert swapped_in(results).mean == pytest.approx(same.mean, abs=2e-5)
    assert measure_another(fresh(1), EVALUATION, results) != same


def test_the_headline_and_the_card_tell_ranks(results, tmp_path):
    found = results.replace(setups=BY_HAND, rankings=rank(BY_HAND))
    line = headline(found)
    assert line.startswith(
        "Beats A, swapped in: 18 % lower metric on 2 data sets; mean rank 1.6 (A: 1.9) of 3 losses, when tuned 1.6 "
        "(A: 1.9); worse in 4 of 4 setups swapped in, 3 of 4 when tuned"
    )
    card = render_card(fresh().config, found.replace(headline=line, cost=COST), tmp_path)
    assert "| **learned** | 1.6 [1.5, 1.7] | 1.6 [1.5, 1.7] | 58 % [50, 67] / 58 % [50, 67] | 0.150 / 0.050 |" in card
    assert "| learned less A, swapped in | | | | -0.050 [-0.100, 0.000] |" in card
    every_setup = card.partition("<summary>Every setup</summary>")[2].partition("</details>")[0]
    assert "| one, 40 %, MLP | SGD, cosine, batch 128, 20 epochs | 0.300 | A 0.300 | C 0.200 | 0.200 |" in every_setup
    assert every_setup.count("batch 128, 20 epochs") == 4
    assert "4 setups on 2 data sets that meta-training never saw" in card
    assert "4 setups on 2 data sets, 4 networks in each" in card
    seen = BY_HAND[0].replace(setup=BY_HAND[0].setup.replace(unseen=""))
    assert "never saw" not in render_card(
        fresh().config, found.replace(setups=(seen, *BY_HAND[1:]), cost=COST), tmp_path
    )
    assert "full-batch" not in card
    assert "\n\n\n" not in card[card.index("## What was measured") :]
    for line in card.splitlines():
        if line.startswith("|---"):
            assert line.replace("-", "").strip("|") == ""


def test_pictures_of_ordinary_training(results):
    ranks = draw_ranks(results.rankings).axes[0]
    assert [label.get_text() for label in ranks.get_yticklabels()] == [
        method.name for method in results.rankings[0].methods
    ]
    curves = draw_curves(results).axes[0]
    assert [text.get_text() for text in curves.texts] == [
        "learned, swapped in",
        f"{results.setups[0].baseline} (tuned baseline)",
    ]
    assert curves.lines[0].get_zorder() > curves.lines[1].get_zorder()

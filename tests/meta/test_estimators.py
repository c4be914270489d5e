"""Meta-gradients: exact against references, unbiased for a closed form, bounded where the exact one explodes."""

from __future__ import annotations

import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest
import torch

from ml3zoo.errors import InputError
from ml3zoo.meta.estimators import (
    Estimate,
    EvolutionStrategies,
    Mixed,
    NoiseReuseEvolution,
    PersistentEvolution,
    Truncated,
    Unrolled,
)
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD, Adam
from ml3zoo.meta.ranks import Ranks
from ml3zoo.tasks.base import Tensors
from tests.problems import (
    PLAIN,
    hand_unrolled,
    quadratic_end,
    quadratic_problem,
    quadratic_slope,
    sine_problem,
)


@pytest.mark.parametrize("rematerialise", [True, False])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("steps", [1, 5])
def test_metagradient_equals_the_hand_unrolled_one(momentum, steps, rematerialise, generator):
    run = InnerRun(SGD(momentum), 0.05, steps)
    loss, phi, tasks, problem = sine_problem(run)
    estimate = Unrolled(PLAIN, rematerialise=rematerialise)(problem, phi, {}, generator)
    leaves = {name: p.clone().requires_grad_() for name, p in phi.items()}
    value = hand_unrolled(loss, leaves, tasks, run)
    reference = torch.autograd.grad(value, list(leaves.values()))
    assert estimate.objective == pytest.approx(value.item(), rel=1e-12)
    ours = torch.cat([estimate.gradient[name].flatten() for name in phi])
    theirs = torch.cat([grad.flatten() for grad in reference])
    assert (ours - theirs).norm() <= 1e-6 * theirs.norm()


def test_metagradient_equals_central_differences(generator):
    run = InnerRun(SGD(), 0.05, 5)
    loss, phi, tasks, problem = sine_problem(run)
    estimate = Unrolled(PLAIN)(problem, phi, {}, generator)

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


@pytest.mark.parametrize("optimizer", [SGD(0.9, nesterov=True), Adam()], ids=str)
@pytest.mark.parametrize("objective_steps", ["last", "mean", "both"])
def test_rematerialised_equals_at_once(optimizer, objective_steps, generator):
    _, phi, _, problem = sine_problem(InnerRun(optimizer, 0.01, 6, "cosine"))
    both = [
        Unrolled(objective_steps=objective_steps, rematerialise=how)(problem, phi, {}, generator)
        for how in (True, False)
    ]
    assert both[0].objective == pytest.approx(both[1].objective, rel=1e-10)
    for name, g in both[0].gradient.items():
        torch.testing.assert_close(g, both[1].gradient[name], rtol=1e-8, atol=1e-12)


STEPS, LR = 8, 0.1
END = quadratic_slope(0.0, LR, STEPS)
CURVE = sum(quadratic_slope(0.0, LR, step) for step in range(1, STEPS + 1)) / STEPS


def smoothed(slope: float, sigma: float) -> float:
    """How far smoothing by noise of this width may move a slope of this size; the problem's curvature is of order 1."""
    return 3 * sigma**2 * abs(slope)


@pytest.mark.parametrize(
    ("estimator", "truth", "calls"),
    [
        (Unrolled(PLAIN), END, 20),
        (Unrolled(PLAIN, objective_steps="mean"), CURVE, 20),
        (Unrolled(PLAIN, objective_steps="both"), (END + CURVE) / 2, 20),
        (EvolutionStrategies(PLAIN, pairs=16, sigma=0.05), END, 100),
        (EvolutionStrategies(PLAIN, pairs=2, sigma=0.05, shared=False), END, 100),
        (PersistentEvolution(2, PLAIN, sigma=0.05), CURVE, 600),
        (PersistentEvolution(2, PLAIN, sigma=0.05, objective_steps="last"), END, 600),
        (NoiseReuseEvolution(2, PLAIN, sigma=0.05), CURVE, 600),
        (NoiseReuseEvolution(2, PLAIN, sigma=0.05, objective_steps="last"), END, 600),
        (Mixed(PLAIN, pairs=8, sigma=0.05), END, 40),
        (Truncated(STEPS, PLAIN), CURVE, 40),
        (Truncated(STEPS, PLAIN, objective_steps="last"), END, 40),
    ],
    ids=repr,
)
def test_estimates_of_a_known_gradient_are_unbiased(estimator, truth, calls, generator):
    phi, problem = quadratic_problem(STEPS, LR, 32)
    estimator_state, found = {}, []
    for _ in range(calls):
        estimate = estimator(problem, phi, estimator_state, generator)
        estimator_state = estimate.estimator_state
        found.append(estimate.gradient["log_scale"].item())
    sample = torch.tensor(found, dtype=torch.float64)
    # successive estimates from the same particles are correlated over a run: blocks of whole runs are not
    blocks = sample[: len(sample) // 4 * 4].view(-1, 4).mean(1)
    error = blocks.std().item() / math.sqrt(len(blocks))
    assert abs(sample.mean().item() - truth) < 4 * error + smoothed(truth, 0.05)
    assert error < 0.1 * abs(truth)


@pytest.mark.parametrize("estimator", [Truncated, PersistentEvolution, NoiseReuseEvolution])
def test_a_window_cannot_weigh_the_end_against_the_whole_run(estimator):
    with pytest.raises(InputError, match="whole run"):
        estimator(2, PLAIN, objective_steps="both")


def test_truncation_is_blind_beyond_its_window(generator):
    """Each window of two steps sees only its own part of the end's gradient."""
    phi, problem = quadratic_problem(STEPS, LR, 4096)
    estimate = Truncated(2, PLAIN, objective_steps="last")(problem, phi, {}, generator)
    last_window = END * 2 / STEPS
    assert estimate.gradient["log_scale"].item() == pytest.approx(last_window, rel=0.1)


def test_objectives_are_those_of_the_closed_form(generator):
    phi, problem = quadratic_problem(STEPS, LR, 4096)
    assert Unrolled(PLAIN)(problem, phi, {}, generator).objective == pytest.approx(
        quadratic_end(0.0, LR, STEPS), rel=0.05
    )


@pytest.mark.parametrize(
    "estimator",
    [
        EvolutionStrategies(PLAIN, pairs=64, sigma=0.1),
        PersistentEvolution(5, PLAIN, sigma=0.1, objective_steps="last"),
        NoiseReuseEvolution(5, PLAIN, sigma=0.1, objective_steps="last"),
        Mixed(PLAIN, pairs=64, sigma=0.1),
        Truncated(1, PLAIN, objective_steps="last"),
    ],
    ids=repr,
)
def test_where_the_exact_gradient_explodes_the_others_do_not(estimator, generator):
    phi, problem = quadratic_problem(20, 0.1, 64, ripple=0.2)
    exact = Unrolled(PLAIN)(problem, phi, {}, generator).gradient["log_scale"].abs().item()
    assert exact > 1e3
    estimator_state, found = {}, []
    for _ in range(16):
        estimate = estimator(problem, phi, estimator_state, generator)
        estimator_state = estimate.estimator_state
        found.append(estimate.gradient["log_scale"].item())
    sample = torch.tensor(found)
    assert sample.abs().max() < 0.01 * exact
    assert sample.abs().max() < 5


def test_mixed_follows_the_better_of_its_two(generator):
    """On the smooth problem it is as exact as unrolling."""
    phi, smooth = quadratic_problem(STEPS, LR, 64)
    mixed = Mixed(PLAIN, pairs=16, sigma=0.02)
    evolved = EvolutionStrategies(PLAIN, pairs=16, sigma=0.02)
    spread = {}
    for estimator in (mixed, evolved):
        found = [estimator(smooth, phi, {}, generator).gradient["log_scale"].item() for _ in range(20)]
        spread[estimator] = torch.tensor(found).std().item()
    assert spread[mixed] < 0.5 * spread[evolved]


def test_evolution_strategies_agree_with_the_unrolled_gradient(generator):
    _, phi, _, problem = sine_problem(InnerRun(SGD(), 0.05, 3))
    exact = Unrolled(PLAIN)(problem, phi, {}, generator).gradient
    noisy = EvolutionStrategies(PLAIN, pairs=2000, sigma=1e-3)(problem, phi, {}, generator).gradient
    a, b = (torch.cat([g[name].flatten() for name in phi]) for g in (exact, noisy))
    # the relative error of an antithetic estimate in d dimensions is about sqrt((d + 1) / pairs); four of its own
    # standard deviations are allowed on top
    d = len(a)
    assert (a - b).norm() / a.norm() < (1 + 4 / math.sqrt(2 * d)) * math.sqrt((d + 1) / 2000)


def test_a_diverged_task_is_left_out(generator):
    _, phi, tasks, problem = sine_problem(InnerRun(SGD(), 0.05, 2), 2)
    tasks.data["y"][1] = math.nan
    estimate = Unrolled(PLAIN)(problem, phi, {}, generator)
    assert estimate.diverged == 0.5
    assert all(g.isfinite().all() for g in estimate.gradient.values())
    alone = Unrolled(PLAIN)(replace(problem, tasks=1), phi, {}, generator)
    for name, gradient in alone.gradient.items():
        torch.testing.assert_close(estimate.gradient[name], gradient / 2)


def test_per_task_gradients_are_clipped(generator):
    _, phi, _, problem = sine_problem(InnerRun(SGD(), 0.05, 2), 1)
    estimate = Unrolled(PLAIN, clip=1e-3)(problem, phi, {}, generator)
    assert math.sqrt(sum(g.square().sum().item() for g in estimate.gradient.values())) == pytest.approx(1e-3)


@pytest.mark.parametrize("estimator", [Truncated(2), PersistentEvolution(2), NoiseReuseEvolution(2)], ids=repr)
def test_particles_have_all_ages_and_are_restored(estimator, generator):
    phi, problem = quadratic_problem(STEPS, LR, 8)
    estimator_state = estimator(problem, phi, {}, generator).estimator_state
    assert sorted(estimator_state["age"].tolist()) == [0, 0, 2, 2, 4, 4, 6, 6]
    again = estimator(problem, phi, estimator_state, generator).estimator_state
    assert torch.equal(again["age"], (estimator_state["age"] + 2) % STEPS)
    assert {x.shape[0] for x in again.values()} == {8}


def test_windows_must_fit_the_run(generator):
    phi, problem = quadratic_problem(STEPS, LR, 8)
    with pytest.raises(InputError, match="8 steps cannot be cut into windows of 3"):
        Truncated(3)(problem, phi, {}, generator)


@pytest.mark.parametrize(
    "estimator",
    [
        Unrolled(PLAIN),
        EvolutionStrategies(PLAIN, pairs=3),
        PersistentEvolution(2),
        NoiseReuseEvolution(2),
        Truncated(2),
        Mixed(pairs=3),
    ],
    ids=repr,
)
def test_two_ranks_find_what_one_finds(estimator):
    phi, problem = quadratic_problem(STEPS, LR, 6)
    whole = estimator(problem, phi, {}, torch.Generator().manual_seed(0))
    exchange = Exchange()

    def part(rank: int) -> Estimate:
        mine = replace(problem, ranks=RankOfTwo(rank, 2, exchange=exchange))
        return estimator(mine, phi, {}, torch.Generator().manual_seed(0))

    with ThreadPoolExecutor(2) as pool:
        for estimate in pool.map(part, range(2)):
            torch.testing.assert_close(estimate.gradient, whole.gradient, rtol=1e-10, atol=0)


class Exchange:
    """Exchanges tensors between two threads that stand for ranks."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2, timeout=60)
        self.values: dict[int, Tensors] = {}

    def sum(self, rank: int, values: Tensors) -> Tensors:
        self.values[rank] = values
        self.barrier.wait()
        total = {name: self.values[0][name] + self.values[1][name] for name in values}
        self.barrier.wait()
        return total


@dataclass(frozen=True)
class RankOfTwo(Ranks):
    """A rank whose other one is a thread of the same process."""

    exchange: Exchange = field(default_factory=Exchange)

    def _sum(self, values: Tensors) -> Tensors:
        return self.exchange.sum(self.rank, values)


def test_a_bound_on_growth_leaves_a_tame_gradient_alone_and_tames_a_wild_one(generator):
    phi, smooth = quadratic_problem(STEPS, LR, 8)
    exact, bounded = (Unrolled(PLAIN, growth=g)(smooth, phi, {}, seeded()).gradient for g in (math.inf, 1e3))
    assert torch.equal(exact["log_scale"], bounded["log_scale"])
    phi, rippled = quadratic_problem(20, 0.1, 64, ripple=0.2)
    wild, tamed = (
        Unrolled(PLAIN, growth=g)(rippled, phi, {}, seeded()).gradient["log_scale"].abs().item()
        for g in (math.inf, 1.0)
    )
    assert tamed < 0.1 * wild
    with pytest.raises(InputError, match="rematerialise"):
        Unrolled(growth=1.0, rematerialise=False)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)

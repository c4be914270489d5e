"""Noise on targets: its kinds are what they say, and clean targets stay clean."""

from __future__ import annotations

from typing import get_args

import pytest
import torch

from ml3zoo.tasks.noisy_targets import NoisyTargets
from ml3zoo.tasks.target_noise import NoiseKind, TargetNoise

KINDS = get_args(NoiseKind)


def errors(kind: NoiseKind, n: int = 200, points: int = 500) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return TargetNoise((kind,))(generator, torch.randn(n, points, 3, generator=generator))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_finite_and_mostly_small(kind):
    error = errors(kind)
    assert error.shape == (200, 500)
    assert error.isfinite().all()
    assert error.abs().median() < 1


@pytest.mark.parametrize("kind", ["one-sided", "log-normal", "Pareto", "clustered"])
def test_asymmetric_kinds_lie_to_one_side(kind):
    error = errors(kind)
    assert (error.mean(1).abs() > 0.15).double().mean() > 0.8
    assert 0.3 < (error.mean(1) > 0).double().mean() < 0.7


@pytest.mark.parametrize("kind", ["Student", "gross", "one-sided", "log-normal", "Pareto"])
def test_heavy_tails_are_heavy(kind):
    error = errors(kind)
    largest, usual = error.abs().amax(1), error.abs().median(1).values
    assert (largest > 8 * usual).double().mean() > 0.7
    normal = errors("Gaussian")
    assert (normal.abs().amax(1) < 8 * normal.abs().median(1).values).all()


def test_heteroscedastic_noise_depends_on_the_inputs():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 2000, 1, generator=generator)
    error = TargetNoise(("heteroscedastic",))(generator, x)
    above = torch.where(x[..., 0] > 0, error.abs(), 0).mean(1)
    below = torch.where(x[..., 0] < 0, error.abs(), 0).mean(1)
    assert (torch.maximum(above, below) > 2 * torch.minimum(above, below)).all()


def test_test_targets_are_clean_and_units_are_robust():
    clean, noisy = (
        NoisyTargets(TargetNoise((kind,)), points=64).sample(torch.Generator().manual_seed(0), 20, "test").data
        for kind in ("no", "clustered")
    )
    assert torch.equal(clean["x"], noisy["x"])
    assert clean["y"].shape == (20, 64, 1)
    assert clean["y_test"].shape == (20, 256, 1)
    quartiles = noisy["y"].quantile(torch.tensor([0.25, 0.75]), 1)
    torch.testing.assert_close(quartiles[1] - quartiles[0], torch.full((20, 1), 1.349))
    torch.testing.assert_close(noisy["y"].quantile(0.5, 1), torch.zeros(20, 1), atol=1e-5, rtol=0)
    for ours, theirs in zip(clean["y_test"], noisy["y_test"], strict=True):
        straight = torch.corrcoef(torch.stack([ours[:, 0], theirs[:, 0]]))[0, 1]
        assert straight > 0.9999


def test_a_perfect_prediction_has_no_error():
    family = NoisyTargets(TargetNoise(("gross",)), points=64)
    tasks = family.sample(torch.Generator().manual_seed(0), 2, "test")
    params = {name: x[0] for name, x in tasks.initial.items()}
    one = {name: x[0] for name, x in tasks.data.items()}
    assert 0.5 < family.objective(params, one) < 3
    one["y_test"] = torch.zeros_like(one["y_test"]) + torch.arange(256.0)[:, None]
    assert family.metric(params, one) > 0
    assert family.selection_metric(params, one).isfinite()


@pytest.mark.parametrize("features", [1, 8])
def test_functions_have_variance_one(features):
    family = NoisyTargets(TargetNoise(("no",)), features=features)
    f = family._function(torch.Generator().manual_seed(0), torch.randn(10, 300, features))
    torch.testing.assert_close(f.std(1), torch.ones(10))
    assert (str(TargetNoise(("no",))), str(TargetNoise(KINDS[:3]))) == ("no noise", "3 kinds of noise")

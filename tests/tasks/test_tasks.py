from __future__ import annotations

import math

import pytest
import torch

from ml3zoo.tasks.frequency import Frequency
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.sine import PaperSine, Sine

NETWORK = MLP((1, 8, 1), "tanh")


def test_sampling_depends_on_the_generator_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second = (Sine(NETWORK).sample(torch.Generator().manual_seed(3), 4, "train") for _ in range(2))
    for a, b in zip(first, second, strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert torch.equal(before, torch.random.get_rng_state())


def phases(split: str, n: int = 3000) -> torch.Tensor:
    tasks = Sine(MLP((1, 1), "ReLU")).sample(torch.Generator().manual_seed(0), n, split)
    basis = torch.cat([tasks.data["x"].sin(), -tasks.data["x"].cos()], -1).double()
    solution = torch.linalg.lstsq(basis, tasks.data["y"].double()).solution.squeeze(-1)
    return torch.atan2(solution[:, 1], solution[:, 0])


def test_splits_never_share_a_task():
    dealt = {}
    for split in ("train", "valid", "test"):
        position = (phases(split) / math.pi + 1) / 2 * 4000
        inside = position[((position % 1) > 0.05) & ((position % 1) < 0.95)]
        dealt[split] = set((inside.floor().long() % 4).tolist())
    assert dealt == {"train": {0, 1}, "valid": {2}, "test": {3}}


def test_ranges_are_the_papers():
    tasks = Sine(NETWORK).sample(torch.Generator().manual_seed(0), 500, "test")
    assert tasks.data["x"].shape == (500, 100, 1)
    assert tasks.data["x"].abs().max() <= 5
    assert 4.5 < tasks.data["y"].abs().max() <= 5
    assert phases("train").std() == pytest.approx(math.pi / math.sqrt(3), rel=0.05)


def test_standardized_targets():
    y = Sine(NETWORK, standardized=True).sample(torch.Generator().manual_seed(0), 5, "train").data["y"]
    torch.testing.assert_close(y.mean(1), torch.zeros(5, 1), atol=1e-6, rtol=0)
    torch.testing.assert_close(y.std(1), torch.ones(5, 1))


def test_objective_is_the_normalised_error():
    family = Sine(NETWORK)
    tasks = family.sample(torch.Generator().manual_seed(0), 1, "train")
    data, zero = {k: v[0] for k, v in tasks.data.items()}, {k: 0 * v[0] for k, v in tasks.initial.items()}
    assert family.objective(zero, data).item() == pytest.approx((data["y"].square().mean() / data["y"].var()).item())


def test_the_papers_task_is_one_task():
    tasks = PaperSine(MLP((1, 4, 1), "ReLU", init="xavier")).sample(torch.Generator().manual_seed(0), 3, "train")
    assert torch.equal(tasks.data["x"][0], tasks.data["x"][2])
    assert tasks.data["x"].abs().max() <= 2
    torch.testing.assert_close(tasks.data["y"], -tasks.data["x"].sin(), atol=1e-6, rtol=0)
    assert not torch.equal(tasks.initial["0.weight"][0], tasks.initial["0.weight"][1])
    assert (tasks.initial["0.bias"] == 0).all()


def test_frequencies_are_found_or_missed():
    family = Frequency(points=30)
    tasks = family.sample(torch.Generator().manual_seed(0), 200, "train")
    assert {name: x.shape for name, x in tasks.data.items()} == {"x": (200, 30), "y": (200, 30), "frequency": (200,)}
    one = {name: x[0] for name, x in tasks.data.items()}
    for distance, missed in ((0.05, 0.0), (-0.2, 1.0)):
        params = {"omega": one["frequency"] + distance}
        assert family.metric(params, one) == missed
    assert family.metric({"omega": torch.tensor(torch.inf)}, one).isnan()
    right = {"omega": one["frequency"]}
    assert family.selection_metric(right, one) < 0.02
    assert family.objective(right, one) < 0.02
    assert Frequency(shaped=False).objective(right, one) == family.selection_metric(right, one)
    dealt = {
        split: set(
            ((family.sample(torch.Generator().manual_seed(1), 99, split).data["frequency"] + 5) * 400)
            .long()
            .remainder(4)
            .tolist()
        )
        for split in ("train", "valid", "test")
    }
    assert dealt == {"train": {0, 1}, "valid": {2}, "test": {3}}

"""Wrong labels come at the rate asked for, and never into what is measured."""

from __future__ import annotations

import pytest
import torch

from ml3zoo.meta.inner import expand
from ml3zoo.tasks.class_data import Mixtures, RealData, Teachers
from ml3zoo.tasks.label_noise import AnyOf, ClassDependent, NearBoundary, Pairwise, Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels

KINDS = (Symmetric(), Pairwise(), ClassDependent(), NearBoundary())
EVERY = (*KINDS, AnyOf(KINDS))


def drawn(kind, rate: float, classes: int = 5, n: int = 60, points: int = 400):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(classes, (n, points), generator=generator)
    margin = torch.rand(n, points, generator=generator)
    return labels, margin, kind(generator, labels, margin, torch.full((n,), rate), classes)


@pytest.mark.parametrize("kind", EVERY, ids=str)
@pytest.mark.parametrize("classes", [2, 5, 20])
def test_labels_are_wrong_at_the_rate(kind, classes):
    for rate in (0.0, 0.2, 0.4):
        labels, _, found = drawn(kind, rate, classes)
        assert found.min() >= 0
        assert found.max() < classes
        assert (found != labels).double().mean().item() == pytest.approx(rate, abs=0.02 if rate < 0.4 else 0.12)


@pytest.mark.parametrize("kind", KINDS[:3], ids=str)
@pytest.mark.parametrize("classes", [2, 4])
def test_the_true_class_stays_the_most_likely_label(kind, classes):
    labels, _, found = drawn(kind, 0.6, classes, n=50, points=5000)
    counts = torch.zeros(50, classes, classes)
    counts.index_put_((torch.arange(50)[:, None].expand_as(labels), labels, found), torch.tensor(1.0), accumulate=True)
    assert (counts.argmax(2) == torch.arange(classes)).double().mean() > 0.97


def test_pairwise_mistakes_are_the_next_class():
    labels, _, found = drawn(Pairwise(), 0.3)
    assert set(((found - labels) % 5).unique().tolist()) == {0, 1}


def test_near_boundary_mistakes_are_near_it():
    labels, margin, found = drawn(NearBoundary(), 0.2)
    assert margin[found != labels].mean() < 0.4 < 0.5 < margin[found == labels].mean()


@pytest.mark.parametrize("source", [Mixtures(3), Teachers(4), RealData("wine", 13, 3)], ids=str)
def test_what_is_measured_has_true_labels(source):
    pytest.importorskip("sklearn")
    family = NoisyLabels(source, Symmetric(), rates=(0.5, 0.5), points=40, validation=20, held_out=60)
    first, second = (family.sample(torch.Generator().manual_seed(s), 3, "test") for s in (1, 1))
    assert all(torch.equal(first.data[name], second.data[name]) for name in first.data)
    clean = NoisyLabels(source, Symmetric(), rates=(0.0, 0.0), points=40, validation=20, held_out=60)
    true = clean.sample(torch.Generator().manual_seed(1), 3, "test").data
    assert torch.equal(first.data["x"], true["x"])
    assert torch.equal(first.data["labels_test"], true["labels_test"])
    assert (first.data["labels"] != true["labels"]).double().mean() == pytest.approx(0.5, abs=0.15)
    params = {name: x[0] for name, x in first.initial.items()}
    one = {name: x[0] for name, x in first.data.items()}
    assert 0 <= family.metric(params, one) <= 1
    broken = {name: x * torch.nan for name, x in params.items()}
    assert family.metric(broken, one).isnan()
    assert len(expand(params, 2)) == 4


def test_teachers_use_all_classes():
    labels = Teachers(4).sample(torch.Generator().manual_seed(0), 20, 300).labels
    assert all(len(each.unique()) == 4 for each in labels)


def test_blobs_may_be_of_uneven_size():
    def commonest(source):
        labels = source.sample(torch.Generator().manual_seed(0), 20, 300).labels
        return sum(each.bincount().max().item() for each in labels) / labels.numel()

    assert commonest(Mixtures(4, unevenness=1.0)) > commonest(Mixtures(4)) + 0.1


def test_features_of_few_latent_dimensions_are_correlated():
    def strongest(source):
        x = source.sample(torch.Generator().manual_seed(0), 1, 400).x[0]
        return torch.linalg.eigvalsh(torch.cov(x.T))[-3:].sum() / source.features

    assert strongest(Mixtures(2, 30, latent=3)) > 0.8 > 0.5 > strongest(Mixtures(2, 30))

"""Pictures of losses: what their curves say, and their style."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.format.results import read_results
from ml3zoo.losses import build_loss
from ml3zoo.plots.influence import draw_influence
from ml3zoo.plots.labels import spread
from ml3zoo.plots.measured import draw_curves, draw_gain
from ml3zoo.plots.problem import draw_problem
from ml3zoo.plots.style import LEARNED
from ml3zoo.plots.unlabelled import draw_unlabelled
from ml3zoo.zoo.names import list_losses, resolve
from tests.families import example_loss

INNER = InnerConfig(lr=0.1, steps=10)


def curves(figure):
    """Lines of each panel, as [values] by label; later ones of one label are left out."""
    return [{line.get_label(): torch.tensor(line.get_ydata()) for line in panel.lines} for panel in figure.axes]


def test_influence_of_cauchys_loss_written_as_a_polynomial():
    config = LossConfig(
        name="cauchy",
        summary="Cauchy's loss.",
        family="taylor",
        problem_type="regression",
        signals=(signal("error", "per_tolerance", "detach", "square", "log1p", shift=0, scale=1), signal("asymmetry")),
        architecture={"order": 1, "weight_bound": 10.0},
        inner=INNER,
    )
    loss = build_loss(config)
    loss.reset_parameters((0.0, -1.0))
    loss.requires_grad_(False)
    for panel in curves(draw_influence(loss)):
        torch.testing.assert_close(panel["asymmetry 0.5"], panel["asymmetry 0"])
        near = slice(150, 251)  # further out weights near their bound
        torch.testing.assert_close(panel["asymmetry 0"][near], panel["Cauchy, scale 0.2"][near], atol=0.08, rtol=0)
        peak = panel["asymmetry 0"].argmax()
        assert torch.linspace(-4, 4, 401)[peak] == pytest.approx(0.3, abs=0.011)  # where Cauchy's slope is steepest


def test_gradient_at_unlabelled_points_of_information_maximisation():
    config = LossConfig(
        name="information",
        summary="Information maximisation.",
        family="taylor",
        problem_type="classification",
        signals=(signal("confidence", "detach"),),
        architecture={"order": 1, "weight_bound": 10.0, "terms": ["entropy", "crowding"]},
        inner=INNER,
    )
    loss = build_loss(config)
    loss.reset_parameters((torch.tensor(0.3).log().item(), 0.0, torch.tensor(0.6).log().item(), 0.0))
    loss.requires_grad_(False)
    for panel in draw_unlabelled(loss).axes:
        ours, theirs = panel.lines[0:4:2], panel.lines[1:4:2]
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(
                torch.tensor(one.get_ydata()), torch.tensor(other.get_ydata()), atol=1e-3, rtol=0.01
            )


def test_a_problem_type_without_a_file_has_no_pictures(monkeypatch):
    loss = example_loss("taylor-value-regression")
    assert draw_problem(loss).keys() == {"surface"}
    monkeypatch.setattr("ml3zoo.plots.problem.find_spec", lambda module: None)
    assert draw_problem(loss) == {}


def test_all_pictures_have_one_style():
    axes = draw_influence(example_loss("taylor-regression")).axes[0]
    assert not axes.spines["top"].get_visible()
    assert not axes.get_legend().get_frame_on()


@pytest.mark.parametrize("name", list_losses())
def test_pictures_of_measurements_have_short_labels_and_few_lines_the_learned_loss_on_top(name):
    results = read_results(resolve(name))
    gain = draw_gain(results).axes[0]
    assert max(len(line) for label in gain.get_yticklabels() for line in label.get_text().split("\n")) <= 48
    curves = draw_curves(results).axes[0]
    lines = [line for line in curves.lines if len(line.get_xdata()) > 1]
    assert 2 <= len(lines) <= 5
    assert len(curves.texts) == len(lines)
    assert max(lines, key=lambda line: line.get_zorder()).get_color() == LEARNED


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_labels_at_the_ends_of_curves_do_not_overlap_and_keep_their_order(heights):
    places = spread(sorted(heights), 0.06)
    assert all(after - before > 0.0599 for before, after in itertools.pairwise(places))
    assert 0 <= places[0] <= places[-1] <= 1

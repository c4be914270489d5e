"""Pictures of losses: what their curves say, and their style."""

from __future__ import annotations

import pytest
import torch

from ml3zoo.format.config import InnerConfig, LossConfig, signal
from ml3zoo.losses import build_loss
from ml3zoo.plots.influence import draw_influence
from ml3zoo.plots.problem import draw_problem
from ml3zoo.plots.unlabelled import draw_unlabelled
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
        ours, theirs = panel.lines[0:6:2], panel.lines[1:6:2]
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

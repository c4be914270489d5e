"""The Brier score, and tasks that are judged by it."""

from __future__ import annotations

import math

import pytest
import torch

from ml3zoo.tasks.class_probabilities import ClassProbabilities, brier_score
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.optimizees import MLP
from ml3zoo.tasks.tables import TableMixture

LABELS = torch.tensor([0, 1, 1])


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        ([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], 0.0),
        ([[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]], 1.0),
        ([[0.5, 0.5]] * 3, 0.25),
        ([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1]], (0.04 + 0.16 + 0.81) / 3),
        ([[0.2, 0.3, 0.5], [0.0, 1.0, 0.0], [0.0, 1.0, 0.0]], (0.64 + 0.09 + 0.25) / 6),
    ],
)
def test_brier_score(probabilities, expected):
    logits = torch.tensor(probabilities).log().clamp_min(-100)
    assert brier_score(logits, LABELS).item() == pytest.approx(expected, abs=1e-6)


def test_a_network_that_diverged_has_no_score():
    assert brier_score(torch.tensor([[math.inf, 0.0]]), LABELS[:1]).isnan()


@pytest.mark.usefixtures("made_up_tables")
def test_tasks_are_judged_by_their_probabilities():
    family = ClassProbabilities(
        source=TableMixture(("wide",), 9, 3), noise=Symmetric(), optimizee=MLP((9, 8, 3)), clean=1.0
    )
    tasks = family.sample(torch.Generator().manual_seed(0), 1, "train")
    params, data = ({name: x[0] for name, x in part.items()} for part in (tasks.initial, tasks.data))
    for part, found in (("_test", family.metric), ("_valid", family.selection_metric)):
        logits = torch.func.functional_call(family.evaluated, params, (data[f"x{part}"],))
        assert torch.equal(found(params, data), brier_score(logits, data[f"labels{part}"]))
    assert torch.equal(family.objective(params, data), family.metric(params, data))

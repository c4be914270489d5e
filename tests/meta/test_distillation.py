from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ml3zoo.errors import InputError
from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.losses import LearnedLoss, build_loss
from ml3zoo.losses.families.symbolic import Architecture
from ml3zoo.meta.initialisation.distillation import Distillation, distill
from ml3zoo.meta.initialisation.evolution import Evolution
from ml3zoo.meta.inner import InnerRun
from ml3zoo.meta.optimizers import SGD
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.recipe import find_recipe
from ml3zoo.tasks.class_data import Mixtures
from ml3zoo.tasks.label_noise import Symmetric
from ml3zoo.tasks.noisy_labels import NoisyLabels
from ml3zoo.zoo.store import save_loss

CONFIGS = [TrainingConfig(NoisyLabels(Mixtures(3, 6), Symmetric(), (8,), points=24), InnerRun(SGD(), 0.5, 12))]
PROBABILITY = SignalConfig(signal="probability", transforms=("detach",))


def made(family: str, coefficients: list[float], **architecture: object) -> LearnedLoss:
    config = LossConfig(
        name=f"a-{family}",
        summary="For tests.",
        family=family,
        problem_type="classification",
        signals=(PROBABILITY, SignalConfig(signal="progress")),
        architecture=architecture,
        inner=InnerConfig(lr=0.5, steps=12),
    )
    loss = build_loss(config)
    with torch.no_grad():
        loss.coefficients.copy_(torch.tensor(coefficients))
    return loss


def test_a_student_of_the_same_form_equals_its_teacher():
    teacher = made("taylor", [0.5, -1.0, 0.7, 0.3, 0.0, 0.0], order=2)
    student = made("taylor", [0.0] * 6, order=2)
    assert distill(teacher, student, CONFIGS, tasks=4, snapshots=6) < 1e-5
    torch.testing.assert_close(student.coefficients, teacher.coefficients, atol=0.05, rtol=0)


def test_what_a_simpler_student_misses_is_returned():
    teacher = made("taylor", [0.5, -2.0, 0.0, 0.0, 0.0, 0.0], order=2)
    student = made("symbolic", [0.0], tokens=("c",))
    missed = distill(teacher, student, CONFIGS, tasks=4, snapshots=6)
    assert 0.001 < missed < 0.5


def test_a_student_in_minibatches_sees_what_its_teacher_remembers():
    """A signal of the batch's own could not explain a teacher that looks at the batches before."""
    minibatches = [replace(CONFIGS[0], run=InnerRun(SGD(), 0.5, 12, batch=6))]
    remembering = (SignalConfig(signal="running_agreement"), SignalConfig(signal="progress"))
    teacher, student = (made("taylor", c, order=1) for c in ([0.5, -1.5, 0.7], [0.0] * 3))
    teacher, student = (with_signals(loss, remembering, loss.coefficients) for loss in (teacher, student))
    assert distill(teacher, student, minibatches, tasks=4, snapshots=6) < 1e-5
    torch.testing.assert_close(student.coefficients, teacher.coefficients, atol=0.05, rtol=0)
    blind = with_signals(student, (SignalConfig(signal="agreement"), remembering[1]), torch.zeros(3))
    assert distill(teacher, blind, minibatches, tasks=4, snapshots=6) > 1e-3


def with_signals(loss, signals, coefficients):
    other = build_loss(loss.config.replace(signals=signals))
    with torch.no_grad():
        other.coefficients.copy_(coefficients)
    return other


def test_problem_types_must_be_the_same():
    teacher = made("taylor", [0.0] * 3, order=1)
    config = teacher.config.replace(problem_type="regression", signals=(SignalConfig(signal="error"),))
    with pytest.raises(InputError, match="student of the same problem type"):
        distill(teacher, build_loss(config), CONFIGS)


def test_a_teacher_without_gradients_is_refused():
    teacher = made("taylor", [float("nan"), 0.0, 0.0], order=1)
    with pytest.raises(InputError, match="nothing to imitate"):
        distill(teacher, made("taylor", [0.0] * 3, order=1), CONFIGS, tasks=2, snapshots=2)


def test_a_recipe_may_start_from_the_student_of_a_loss(tmp_path):
    teacher = made("taylor", [0.5, -1.0, 0.7, 0.3, 0.0, 0.0], order=2)
    folder = save_loss(teacher, tmp_path / "teacher")
    recipe = replace(
        find_recipe("label-noise"),
        config=teacher.config.replace(name="student"),
        training=replace(find_recipe("label-noise").training, training_configs=tuple(CONFIGS)),
        init=(),
        initialisation=Distillation(str(folder), tasks=4, snapshots=6),
    )
    torch.testing.assert_close(recipe.initial_loss(0).coefficients, teacher.coefficients, atol=0.05, rtol=0)
    assert recipe.quick().initialisation.iterations < 10


def test_evolution_finds_an_expression_and_repeats_itself():
    teacher = made("symbolic", [2.0], tokens=("s0", "c", "mul", "neg"))
    evolution = Evolution(population=16, generations=6, parents=5, longest=9)
    found = [evolution(teacher, teacher.config, CONFIGS, tasks=3, snapshots=4) for _ in range(2)]
    assert found[0].formula() == found[1].formula()
    assert len(found[0].architecture.tokens) <= 9
    assert distill(teacher, found[0], CONFIGS, tasks=3, snapshots=4) < 0.02


def test_everything_that_evolution_makes_is_an_expression():
    from ml3zoo.meta.initialisation.evolution import _Search

    search = _Search(Evolution(longest=20), made("taylor", [0.0] * 3, order=1).config, [])
    tokens = search._random_expression(3)
    for _ in range(200):
        Architecture(tokens=tokens)
        start, end = search._part(tokens)
        Architecture(tokens=tokens[start:end])
        tokens = search._random_expression(search._below(5))

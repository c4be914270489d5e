"""Signals, transforms and problem types are declared once; config, losses and cards read them from there."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.format.problem_types import find_problem_type, problem_types
from ml3zoo.losses.conventions import convention_of
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.reductions import Reductions

TYPES = [find_problem_type(name) for name in problem_types()]


def config_of(problem_type, *signals):
    return LossConfig(
        name="any",
        summary="For tests.",
        family="taylor",
        problem_type=problem_type,
        signals=signals or (SignalConfig(signal="progress"),),
        architecture={"order": 1},
        inner=InnerConfig(lr=0.1, steps=10),
    )


def test_declarations_need_no_torch():
    code = "import sys; from ml3zoo.format.problem_types import *; [find_problem_type(n) for n in problem_types()]"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)


@pytest.mark.parametrize("problem_type", TYPES, ids=lambda each: each.name)
def test_meanings_name_only_signals_of_the_type(problem_type):
    for signal in problem_type.signals.values():
        assert set(re.findall(r"`(\w+)`", signal.meaning)) <= problem_type.signals.keys()
        assert signal.rests_on is None or problem_type.signals[signal.rests_on].scope == "batch"


@pytest.mark.parametrize("problem_type", [each for each in TYPES if each.ordinary], ids=lambda each: each.name)
def test_signals_have_the_shape_of_their_scope_and_units_are_above_zero(problem_type, generator):
    convention = convention_of(config_of(problem_type.name))
    prediction, target = convention.example(generator, 6, 1.0)
    known = convention.given(prediction, target, torch.float64) | {"progress": torch.tensor(0.5), "feature": target}
    known["class_counts"] = torch.arange(convention.classes(prediction), dtype=torch.float64)
    inputs = LossInputs(problem_type, known, Reductions(convention.points(prediction)))
    for signal in map(problem_type.signals.__getitem__, problem_type.nameable):
        value = inputs[signal.name]
        assert value.shape == (inputs.points if signal.scope == "point" else ())
        assert value.isfinite().all()
        assert not signal.unit or value > 0


def test_glossary_explains_the_names_in_a_formula_and_in_what_it_says():
    regression = find_problem_type("regression")
    text = regression.glossary("loss = squash(error / tolerance) * remaining")
    assert text.startswith("`error` is prediction minus target; `typical_target` is the standard deviation")
    assert "`tolerance` is three tenths of `typical_target`" in text
    assert "`squash(u)` is u / √(1 + u²)" in text
    assert text.endswith("Constant to the gradient: `typical_target`, `tolerance`.")
    assert "asymmetry" not in text
    assert regression.glossary("loss = 1") == ""


@pytest.mark.parametrize(
    ("problem_type", "signal", "message"),
    [
        ("regresion", SignalConfig(signal="error"), "unknown problem type 'regresion'.*Did you mean 'regression'"),
        ("regression", SignalConfig(signal="eror"), "unknown signal 'eror'.*Did you mean 'error'"),
        (
            "regression",
            SignalConfig(signal="error", transforms=("lgo",)),
            "'lgo'.*Did you mean 'log'",
        ),
        ("regression", SignalConfig(signal="error", transforms=("per_mean_error",)), "unknown transform"),
        ("classification", SignalConfig(signal="probability", transforms=("per_tolerance",)), "unknown transform"),
        ("classification", SignalConfig(signal="logits"), "unknown signal 'logits'"),
    ],
)
def test_unknown_names_are_refused(problem_type, signal, message):
    with pytest.raises(ValueError, match=message):
        config_of(problem_type, signal)
    with pytest.raises(ConfigError, match=message):
        config_of("regression").replace(problem_type=problem_type, signals=(signal,))


def test_a_signal_is_written_as_in_a_formula():
    signal = SignalConfig(signal="batch_error", transforms=("per_target_scale", "log"), shift=-1.0, scale=2.0)
    assert str(signal) == "(log(batch_error / target_scale) + 1) / 2"
    assert signal.looks_at == {"batch_error", "target_scale"}

"""Configs made in Python are checked as strictly as those that are read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import ClassRange, InnerConfig, LossConfig, SignalConfig, write_config
from ml3zoo.losses import build_loss
from ml3zoo.recipe import find_recipe

INNER = InnerConfig(lr=0.1, steps=10)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": -1.0}, "lr"),
        ({"lr": float("nan")}, "lr"),
        ({"lr": float("inf")}, "lr"),
        ({"lr": "0.1"}, "lr"),
        ({"lr": object()}, "object"),
        ({"lr": b"0.1"}, "bytes"),
        ({"steps": True}, "steps"),
        ({"steps": 10**30}, "steps"),
        ({"momentum": 1.0}, "momentum"),
        ({"optimizer": "sdg"}, "one of adam, adamw, sgd was expected"),
        ({"learning_rate": 0.1}, "learning_rate"),
    ],
)
def test_a_copy_is_checked(changes, message):
    with pytest.raises(ConfigError, match=message):
        INNER.replace(**changes)


def test_a_copy_has_what_was_changed_and_the_rest():
    assert INNER.replace(lr=0.2) == InnerConfig(lr=0.2, steps=10)
    assert INNER.replace(lr=np.float64(0.2)) == INNER.replace(lr=0.2)


def endless() -> dict[str, object]:
    architecture: dict[str, object] = {}
    architecture["hidden"] = architecture
    return architecture


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": "\ud800"},
        {"sha256": {"evil.py": "0" * 64}},
        {"architecture": endless()},
        {"architecture": {"hidden": {(1, 2): 3}}},
        {"architecture": {"hidden": {1: 2, "1": 3}}},
        {"architecture": {"hidden": [], "weight_bound": float("nan")}},
        {"signals": (SignalConfig(signal="eror"),)},
        {"signals": (SignalConfig(signal="error", scale=0.0),)},
    ],
    ids=str,
)
def test_what_could_not_be_read_back_is_not_written(loss, tmp_path, changes):
    with pytest.raises(ConfigError):
        write_config(loss.config.replace(**changes), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_loss_is_not_built_of_a_config_that_breaks_a_rule(loss):
    wrong = structs.replace(loss.config, inner=structs.replace(loss.config.inner, optimizer="sdg"))
    with pytest.raises(ConfigError, match="one of adam, adamw, sgd was"):
        build_loss(wrong)
    with pytest.raises(ConfigError, match="one of adam, adamw, sgd was"):
        replace(find_recipe("sine-regression"), config=wrong)


@pytest.mark.parametrize("name", ["Sine", "sine_regression", "sine\n", "../sine", ""])
def test_names_are_checked_before_a_config_is_written(tmp_path, name):
    config = LossConfig(
        name=name,
        summary="",
        family="mlp",
        problem_type="regression",
        signals=(SignalConfig(signal="error"),),
        architecture={"hidden": []},
        inner=INNER,
    )
    with pytest.raises(ConfigError, match="name"):
        write_config(config, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_range_of_classes_is_of_classification_and_not_empty():
    with pytest.raises(ValueError, match="the most classes, 2, are fewer than the fewest, 3"):
        ClassRange(3, 2)
    with pytest.raises(ConfigError, match="a regression loss has no classes"):
        find_recipe("sine-regression").config.replace(classes=ClassRange(2, 3))
    assert str(ClassRange(2, 2)) == "2 classes"

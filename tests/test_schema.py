"""Configs made in Python are checked as strictly as those that are read."""

from __future__ import annotations

import pytest

from ml3zoo.config import InnerConfig, LossConfig, SignalConfig, write_config
from ml3zoo.errors import ConfigError

INNER = InnerConfig(lr=0.1, steps=10)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lr": -1.0}, "lr"),
        ({"lr": float("nan")}, "lr"),
        ({"lr": float("inf")}, "lr"),
        ({"lr": "0.1"}, "lr"),
        ({"lr": object()}, "object"),
        ({"steps": True}, "steps"),
        ({"steps": 10**30}, "steps"),
        ({"momentum": 1.0}, "momentum"),
        ({"optimizer": "sdg"}, "optimizer"),
        ({"learning_rate": 0.1}, "learning_rate"),
    ],
)
def test_a_copy_is_checked(changes, told):
    with pytest.raises(ConfigError, match=told):
        INNER.replace(**changes)


def test_a_copy_has_what_was_changed_and_the_rest():
    assert INNER.replace(lr=0.2) == InnerConfig(lr=0.2, steps=10)


@pytest.mark.parametrize("name", ["Sine", "sine_regression", "sine\n", "../sine", ""])
def test_names_are_checked_before_a_config_is_written(tmp_path, name):
    config = LossConfig(
        name=name,
        summary="",
        family="mlp",
        kind="regression",
        signals=(SignalConfig(signal="error"),),
        architecture={"hidden": []},
        inner=INNER,
    )
    with pytest.raises(ConfigError, match="name"):
        write_config(config, tmp_path)
    assert not list(tmp_path.iterdir())

"""A name is resolved once per command: a branch that moves meanwhile cannot give a command two losses."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace

import pytest

import ml3zoo.apply.environment
import ml3zoo.apply.table
from ml3zoo.zoo.hub.reference import HubReference
from ml3zoo.zoo.names import Location, resolve
from tests.command import DIABETES

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize(
    ("name", "arguments", "used"),
    [
        ("sine-regression", [str(DIABETES), "--target", "target"], (ml3zoo.apply.table, "apply_loss")),
        ("mountain-car", ["--env", "CartPole-v1"], (ml3zoo.apply.environment, "apply_in_environment")),
    ],
)
def test_apply_uses_the_commit_that_it_found(name, arguments, used, monkeypatch):
    asked, given = [], []

    def locate(asked_for):
        asked.append(asked_for)
        return Location(resolve(name), HubReference("org/name", COMMIT))

    def apply(pinned, *_, **__):
        given.append(pinned)
        return SimpleNamespace(lines=list)

    monkeypatch.setattr(importlib.import_module("ml3zoo.cli.apply"), "locate", locate)
    monkeypatch.setattr(*used, apply)
    monkeypatch.setattr(sys, "argv", ["ml3zoo", "apply", "hf://org/name", *arguments])
    from ml3zoo.cli import app

    app(standalone_mode=False)
    assert asked == ["hf://org/name"]
    assert given == [f"hf://org/name@{COMMIT}"]

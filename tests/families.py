"""A small loss of every family and problem type, for the tests of their contract."""

from __future__ import annotations

from typing import Any

import torch

from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.losses import LearnedLoss, build_loss

_SIGNALS: dict[str, tuple[SignalConfig, ...]] = {
    "regression": (
        SignalConfig(signal="error", transforms=("per_typical_error", "square", "log1p")),
        SignalConfig(signal="median_error", transforms=("per_typical_error",)),
        SignalConfig(signal="progress"),
    ),
    "classification": (
        SignalConfig(signal="probability"),
        SignalConfig(signal="agreement"),
        SignalConfig(signal="classes", transforms=("log",)),
    ),
}
_TERMS = {"regression": ["squared_error", "error"], "classification": ["cross_entropy", "self_cross_entropy"]}
_ARCHITECTURES: dict[str, dict[str, Any]] = {
    "mlp": {"hidden": [6]},
    "mlp-weighted": {"hidden": [6]},
    "mlp-value": {"hidden": [5, 4], "activation": "silu", "output": "identity"},
    "taylor": {"order": 3},
    "taylor-weighted": {"order": 2},
    "taylor-value": {"order": 2, "output": "value"},
    "symbolic": {"tokens": ["s0", "tanh", "c", "s1", "mul", "sub", "s2", "c", "add", "exp", "div", "root"]},
    "symbolic-weighted": {"tokens": ["s0", "tanh", "c", "s1", "mul"]},
    "symbolic-value": {"tokens": ["s0", "square", "s1", "log", "s2", "max", "c", "mul", "add"], "output": "value"},
}
_TRAJECTORY_ARCHITECTURE = {
    "state": [{"shift": -0.5, "scale": 0.6}, {"scale": 2.0}, {}],
    "action": [{}, {"scale": 2.0}],
    "goal": [{}],
    "hidden": [6],
}
_TRAJECTORY = tuple(SignalConfig(signal=signal) for signal in ("state", "action", "goal", "progress"))
_MATCHING = tuple(SignalConfig(signal=signal) for signal in ("feature", "prediction", "target"))
_POLICY = (
    SignalConfig(signal="ahead", transforms=("detach",), limit=10.0),
    SignalConfig(signal="divergence", transforms=("log",), limit=10.0),
    SignalConfig(signal="progress"),
)
_OBJECTIVE = {"tokens": ["s0", "c", "s1", "mul", "sub", "s2", "c", "add"], "terms": ["surrogate", "certainty"]}
_OTHERS: dict[str, tuple[tuple[SignalConfig, ...], dict[str, Any]]] = {
    "matching-regression": (_MATCHING, {"templates": 5, "dimensions": 2}),
    "symbolic-policy_gradient": (_POLICY, _OBJECTIVE),
    "mlp-policy_gradient": (_POLICY, {"hidden": [4], "terms": ["surrogate", "drift"]}),
    "trajectory-trajectory": (_TRAJECTORY, _TRAJECTORY_ARCHITECTURE),
    "trajectory-value-trajectory": (_TRAJECTORY, _TRAJECTORY_ARCHITECTURE | {"output": "value"}),
}
NAMES = [f"{architecture}-{problem_type}" for architecture in _ARCHITECTURES for problem_type in _SIGNALS] + [*_OTHERS]


def example_config(name: str) -> LossConfig:
    """The config of one of ``NAMES``."""
    architecture, _, problem_type = name.rpartition("-")
    signals, details = _OTHERS.get(name) or (_SIGNALS[problem_type], dict(_ARCHITECTURES[architecture]))
    if architecture.endswith("-weighted"):
        details["terms"] = _TERMS[problem_type]
    return LossConfig(
        name=name.replace("_", "-"),
        summary="For tests.",
        family=architecture.partition("-")[0],
        problem_type=problem_type.replace("_", "-"),
        signals=signals,
        architecture=details,
        inner=InnerConfig(lr=0.1, steps=10),
    )


def example_loss(name: str) -> LearnedLoss:
    """One of ``NAMES`` with fresh parameters, frozen."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss = build_loss(example_config(name))
        loss.reset_parameters()
    return loss.requires_grad_(False)

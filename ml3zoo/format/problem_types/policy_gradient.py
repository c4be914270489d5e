"""Policy gradients: at each sampled step how much more likely the policy makes its action, and its advantage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml3zoo.format.signals import ProblemType, Signal, by_name
from ml3zoo.format.transforms import SignalValues

if TYPE_CHECKING:
    from torch import Tensor

_LARGEST = 20.0
"""Of a log-ratio, so that ratios are numbers."""
_CLOSE = 0.1
"""A ratio this far from 1 counts as one unit of ``ahead`` and ``behind``."""


def _ratio(values: SignalValues) -> Tensor:
    return values["log_ratio"].clamp(-_LARGEST, _LARGEST).exp()


def _moved(values: SignalValues) -> Tensor:
    """How far the ratio is from 1 in the direction of the advantage."""
    return (values["ratio"] - 1) * values["advantage"].detach().sign() / _CLOSE


PROBLEM_TYPE = ProblemType(
    name="policy-gradient",
    signals=by_name(
        Signal("log_ratio", "point", "the new log-probability of the action minus the one it was sampled with"),
        Signal("advantage", "point", "how much better than expected the action was"),
        Signal(
            "entropy",
            "point",
            "the entropy of the policy where the action was taken",
            lambda values: values["feature"],
            argument="feature",
        ),
        Signal("ratio", "point", "the exponential of `log_ratio`", _ratio),
        Signal("surrogate", "point", "minus `ratio` times `advantage`", lambda v: -v["ratio"] * v["advantage"]),
        Signal("drift", "point", "half the square of `log_ratio`", lambda v: v["log_ratio"].square() / 2),
        Signal(
            "certainty",
            "point",
            "minus `entropy`",
            lambda values: -values["entropy"],
            argument="feature",
        ),
        Signal(
            "ahead",
            "point",
            "how far `ratio` has gone beyond 1 in the direction of `advantage`, in tenths; 0 where it went the other "
            "way",
            lambda values: _moved(values).clamp_min(0),
        ),
        Signal("behind", "point", "the same against the direction", lambda values: (-_moved(values)).clamp_min(0)),
        Signal(
            "divergence",
            "batch",
            "the mean of `ratio` - 1 - `log_ratio`: the divergence of the new policy from the old",
            lambda v: v.mean(v["ratio"] - 1 - v["log_ratio"].clamp(-_LARGEST, _LARGEST)).clamp_min(0),
        ),
        Signal(
            "far",
            "batch",
            "the share of steps whose `ratio` is a fifth or more from 1",
            lambda v: v.mean(((v["ratio"] - 1).abs() > 2 * _CLOSE).to(v["ratio"].dtype)),
        ),
    ),
    ordinary="surrogate",
    functional="mse_loss",
    task="reinforcement-learning",
    sample_call={
        "prediction": "torch.zeros(100, requires_grad=True)  # new minus old log-probabilities of your actions",
        "target": "torch.randn(100)  # their advantages, normalised",
        "feature": "torch.zeros(100)  # the entropy of your policy in each state",
    },
    acting=True,
    call="**play()",
    call_feature="",
)

"""Policy objectives that people wrote down, as losses of the family ``symbolic``: the formula is data."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from ml3zoo.format.config import InnerConfig, LossConfig, SignalConfig
from ml3zoo.losses import LearnedLoss, build_loss
from ml3zoo.losses.ordinary import ClippedSurrogate, DiscoveredPolicyOptimization

_SIGNALS = tuple(SignalConfig(signal=name) for name in ("ratio", "advantage", "log_ratio"))


class HandMade(NamedTuple):
    """A config, its coefficients as the source has them, and the same written in Python."""

    config: LossConfig
    init: tuple[float, ...]
    ordinary: nn.Module

    def loss(self) -> LearnedLoss:
        """With these coefficients, frozen."""
        loss = build_loss(self.config)
        with torch.no_grad():
            loss.coefficients.copy_(torch.tensor(self.init))
        return loss.requires_grad_(False)


def _config(name: str, summary: str, signals: int, tokens: str) -> LossConfig:
    return LossConfig(
        name=name,
        summary=summary,
        family="symbolic",
        problem_type="policy-gradient",
        signals=_SIGNALS[:signals],
        architecture={"output": "value", "tokens": tokens.split()},
        inner=InnerConfig(optimizer="adam", lr=3e-4, steps=10_000),
    )


PPO_CLIP = HandMade(
    _config(
        "ppo-clip",
        "PPO's clipped surrogate (Schulman et al., Proximal Policy Optimization Algorithms, 2017, equation 7): an "
        "action gains nothing from a ratio further than 0.2 from 1.",
        2,
        "s0 s1 mul  s0 1 c0 add min 1 c0 sub max s1 mul  min neg",
    ),
    (0.2,),
    ClippedSurrogate(0.2),
)
_GAIN, _FALL = "s0 1 sub s1 0 max mul", "s2 s1 0 min mul"
DPO = HandMade(
    _config(
        "dpo",
        "Discovered policy optimisation (Lu et al., Discovered Policy Optimisation, 2022): a drift found "
        "by meta-learning and then written down, for actions better and worse than expected.",
        3,
        f"{_GAIN} c0 {_GAIN} c0 div tanh mul sub 0 max {_FALL} c1 {_FALL} c1 div tanh mul sub 0 max add s0 s1 mul sub",
    ),
    (2.0, 0.6),
    DiscoveredPolicyOptimization(),
)

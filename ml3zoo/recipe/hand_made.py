"""Losses that people wrote down, as recipes: the formula is data, and it is measured as learned losses are."""

from __future__ import annotations

from dataclasses import replace

from ml3zoo.evaluate import Evaluation
from ml3zoo.format.config import LossConfig, SignalConfig
from ml3zoo.recipe.recipe import Recipe


def hand_made(
    name: str,
    like: Recipe,
    *,
    summary: str,
    use_for: str,
    citation: str,
    signals: tuple[str, ...],
    tokens: str,
    coefficients: tuple[float, ...] = (),
) -> Recipe:
    """A loss that was written down, as an entry of the zoo.

    Args:
        name: of the entry.
        like: of the learned loss for the same purpose. Its protocol is taken, at its first and its middle level of
            noise, and with the first of its ordinary losses alone.
        summary: what it does.
        use_for: completes "use it for …".
        citation: who wrote it down, where and when.
        signals: their names.
        tokens: the loss of a point in the postfix order of the family ``symbolic``.
        coefficients: as they are there.
    """

    def evaluation(config: LossConfig) -> Evaluation:
        protocol = like.evaluation(config)
        levels = list(dict.fromkeys(setup.noise for setup in protocol.setups))
        kept = {levels[0], levels[len(levels) // 2]}
        setups = tuple(setup for setup in protocol.setups if setup.noise in kept)
        return replace(protocol, setups=setups, baselines=protocol.baselines[:1])

    return Recipe(
        config=LossConfig(
            name=name,
            summary=summary,
            use_for=use_for,
            citation=citation,
            family="symbolic",
            problem_type=like.config.problem_type,
            signals=tuple(SignalConfig(signal=each) for each in signals),
            architecture={"output": "value", "tokens": tokens.split()},
            inner=like.config.inner,
        ),
        training=None,
        evaluation=evaluation,
        example=like.example,
        init=coefficients,
    )

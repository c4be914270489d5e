"""Losses that add up signals, the terms, each times a learned weight ``exp(b * tanh(z / b))``.

A family computes a ``z`` for each term.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Annotated

from msgspec import Meta
from torch import Tensor

from ml3zoo.errors import ConfigError, did_you_mean
from ml3zoo.format.config import LossConfig
from ml3zoo.format.schema import Strict
from ml3zoo.format.signals import ProblemType
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.layers import tanh


class WeightedTerms(Strict, frozen=True, kw_only=True):
    """The terms of a weighted sum, and the bound of their weights.

    ``output="weight"``: the family computes weights; its other outputs are its own.
    ``terms``: the signals that are added up; the ordinary loss (squared error, cross-entropy) alone if there are none.
    ``weight_bound``: ``b``; weights lie between ``exp(-b)`` and ``exp(b)``.
    """

    output: str = "weight"
    weight_bound: Annotated[float, Meta(gt=0, le=10)] = 3.0
    terms: Annotated[tuple[str, ...], Meta(max_length=8)] = ()

    def __post_init__(self) -> None:
        """Only weights have terms."""
        if self.terms:
            self.need_weights("terms")

    def need_weights(self, field: str) -> None:
        """Refuse a field that makes no sense for another output.

        Raises:
            ValueError: the output is no weight.
        """
        if self.output != "weight":
            raise ValueError(f'{field} needs output "weight", got "{self.output}"')

    def names(self, config: LossConfig, problem_type: ProblemType) -> tuple[str, ...]:
        """The names of the terms.

        Raises:
            ConfigError: the problem type has no such term.
        """
        if problem_type.ordinary is None:
            raise ConfigError(
                f"{config.name} is a {problem_type.name} loss: there is no ordinary loss to weight. Its family must be "
                f"{problem_type.name}, got {config.family}."
            )
        unknown = sorted(set(self.terms) - {*problem_type.terms})
        if unknown:
            raise ConfigError(
                f"unknown term {unknown[0]!r} in {config.name}: a {problem_type.name} loss can add up "
                f"{', '.join(problem_type.terms)}.{did_you_mean(unknown[0], problem_type.terms)}"
            )
        return self.terms or (problem_type.ordinary,)

    def weights(self, z: Tensor) -> Tensor:
        """The weights of one or more terms from their ``z``."""
        return (self.weight_bound * tanh(z / self.weight_bound)).exp()

    def weighted_sum(self, inputs: LossInputs, names: Sequence[str], z: Tensor, axis: int = 0) -> Tensor:
        """The loss of each point from a ``z`` for each term, along an axis."""
        weights = self.weights(z).unbind(axis)
        return reduce(add, (inputs[name] * weight for name, weight in zip(names, weights, strict=True)))

    def formula(self, names: Sequence[str], expressions: Sequence[str], latex: bool = False) -> str:
        """The loss written out, from the expression of each ``z``."""
        bound = f"{self.weight_bound:g}"
        symbols = ["z"] if len(names) == 1 else [f"z_{k}" if latex else f"z{k}" for k in range(1, len(names) + 1)]
        definitions = list(zip(symbols, expressions, strict=True))
        if latex:
            words = [rf"\text{{{name}}}".replace("_", r"\_") for name in names]
            terms = (
                rf"{word} \cdot \exp\left({bound} \tanh\frac{{{z}}}{{{bound}}}\right)"
                for word, z in zip(words, symbols, strict=True)
            )
            lines = [r"\ell &= " + " + ".join(terms), *(f"{z} &= {text}" for z, text in definitions)]
            return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"
        total = " + ".join(
            f"{name} * exp({bound} * tanh({z} / {bound}))" for name, z in zip(names, symbols, strict=True)
        )
        return "\n".join([f"loss = {total}", *(f"{z} = {text}" for z, text in definitions)])

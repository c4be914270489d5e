"""Losses that add up signals, the terms, each times a learned weight ``exp(b * tanh(z / b))``.

A family computes a ``z`` for each term. The weights of a point may be bounded together too.
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
    ``largest_total``: weights are divided by one plus their sum over it, so that the sum stays below it; no bound if 0.
    Swapped in at the ordinary loss's learning rate, such a loss cannot make much larger steps.
    """

    output: str = "weight"
    weight_bound: Annotated[float, Meta(gt=0, le=10)] = 3.0
    terms: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    largest_total: Annotated[float, Meta(ge=0, le=1e3)] = 0.0

    def __post_init__(self) -> None:
        """Only weights have terms, and a sum."""
        if self.terms:
            self.need_weights("terms")
        if self.largest_total:
            self.need_weights("largest_total")

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
        weights = self.weights(z)
        if self.largest_total:
            weights = weights / (1 + weights.sum(axis, keepdim=True) / self.largest_total)
        return reduce(add, (inputs[name] * weight for name, weight in zip(names, weights.unbind(axis), strict=True)))

    def formula(self, names: Sequence[str], expressions: Sequence[str], latex: bool = False) -> str:
        """The loss written out, from the expression of each ``z``."""
        bound = f"{self.weight_bound:g}"
        symbols = ["z"] if len(names) == 1 else [f"z_{k}" if latex else f"z{k}" for k in range(1, len(names) + 1)]
        definitions = list(zip(symbols, expressions, strict=True))
        if latex:
            words = [rf"\text{{{name}}}".replace("_", r"\_") for name in names]
            weights = [rf"\exp\left({bound} \tanh\frac{{{z}}}{{{bound}}}\right)" for z in symbols]
            times = r"{} \cdot {}"
        else:
            words = list(names)
            weights = [f"exp({bound} * tanh({z} / {bound}))" for z in symbols]
            times = "{} * {}"
        named = [f"w_{k}" if latex else f"w{k}" for k in range(1, len(names) + 1)]
        if self.largest_total:
            definitions = [*zip(named, weights, strict=True), *definitions]
            weights = named
        total = " + ".join(times.format(word, weight) for word, weight in zip(words, weights, strict=True))
        if self.largest_total:
            together, largest = " + ".join(named), f"{self.largest_total:g}"
            divisor = rf"1 + ({together}) / {largest}"
            total = rf"\frac{{{total}}}{{{divisor}}}" if latex else f"({total}) / ({divisor})"
        if latex:
            lines = [r"\ell &= " + total, *(f"{name} &= {text}" for name, text in definitions)]
            return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"
        return "\n".join([f"loss = {total}", *(f"{name} = {text}" for name, text in definitions)])

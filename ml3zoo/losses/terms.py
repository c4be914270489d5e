"""Losses that add up signals of a batch, each times a weight ``exp(b * tanh(z / b))``; a family computes the ``z``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Annotated

from msgspec import Meta
from torch import Tensor

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LossConfig
from ml3zoo.format.schema import Strict
from ml3zoo.losses.signals import LossInputs, ProblemType


class WeightedTerms(Strict, frozen=True, kw_only=True):
    """What is weighed, and how far.

    ``output="weight"``: it is a weight that the family computes; its other outputs are its own. ``terms`` names the
    signals that are added up: the ordinary loss (squared error, cross-entropy) alone if there are none.
    ``weight_bound`` is ``b``: weights lie between ``exp(-b)`` and ``exp(b)``.
    """

    output: str = "weight"
    weight_bound: Annotated[float, Meta(gt=0, le=10)] = 3.0
    terms: Annotated[tuple[str, ...], Meta(max_length=8)] = ()

    def __post_init__(self) -> None:
        """Only weights are spread over several signals."""
        if self.terms:
            self.need_weights("terms")

    def need_weights(self, name: str) -> None:
        """Refuse a field that makes no sense for another output."""
        if self.output != "weight":
            raise ValueError(f'{name} needs output "weight", got "{self.output}"')

    def names(self, config: LossConfig, problem_type: ProblemType) -> tuple[str, ...]:
        """The signals that are added up.

        Raises:
            ConfigError: the problem_type has no such signal.
        """
        if not problem_type.ordinary:
            raise ConfigError(
                f"{config.name} is a {config.problem_type} loss: there is no ordinary one to weigh. Its family must be "
                f"{config.problem_type}, got {config.family}."
            )
        strange = sorted(set(self.terms) - problem_type.signals.keys())
        if strange:
            known = ", ".join(sorted(problem_type.signals))
            raise ConfigError(f"{config.name} cannot weigh {strange[0]!r}, a {config.problem_type} loss has {known}.")
        return self.terms or (problem_type.ordinary,)

    def weights(self, total: Tensor) -> Tensor:
        """From the ``z`` of one or more signals."""
        return (self.weight_bound * (total / self.weight_bound).tanh()).exp()

    def weighted_sum(self, inputs: LossInputs, names: Sequence[str], totals: Sequence[Tensor]) -> Tensor:
        """The loss of each point, from a ``z`` for each signal that is added up."""
        return reduce(add, (inputs[name] * self.weights(z) for name, z in zip(names, totals, strict=True)))

    def formula(self, names: Sequence[str], totals: Sequence[str], latex: bool = False) -> str:
        """The loss written out, from each ``z`` written out."""
        bound = f"{self.weight_bound:g}"
        zs = ["z"] if len(names) == 1 else [f"z_{k}" if latex else f"z{k}" for k in range(1, len(names) + 1)]
        if latex:
            words = [rf"\text{{{name}}}".replace("_", r"\_") for name in names]
            terms = (
                rf"{word} \cdot \exp\left({bound} \tanh\frac{{{z}}}{{{bound}}}\right)"
                for word, z in zip(words, zs, strict=True)
            )
            lines = [r"\ell &= " + " + ".join(terms), *(f"{z} &= {t}" for z, t in zip(zs, totals, strict=True))]
            return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"
        weighed = " + ".join(f"{name} * exp({bound} * tanh({z} / {bound}))" for name, z in zip(names, zs, strict=True))
        return "\n".join([f"loss = {weighed}", *(f"{z} = {total}" for z, total in zip(zs, totals, strict=True))])

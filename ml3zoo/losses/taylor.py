"""Family ``taylor``: a polynomial in the signals gives each point's loss, or its weight (TaylorGLO).

Source: Gonzalez, Miikkulainen, *Optimizing Loss Functions Through Multivariate Taylor Polynomial Parameterization*,
GECCO 2021.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch import Tensor, nn

from ml3zoo.config import LossConfig, parse_architecture
from ml3zoo.errors import ConfigError
from ml3zoo.kinds import Batch
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.schema import Strict

MOST_TERMS = 4096


class Architecture(Strict, frozen=True):
    """The polynomial: all products of at most ``order`` signals, each with a coefficient.

    ``output="value"``: the polynomial is the loss. ``output="weight"``: the loss is the ordinary one (squared error,
    cross-entropy) times ``exp(b * tanh(z / b))``, ``z`` the polynomial and ``b`` the ``weight_bound``.
    """

    order: Annotated[int, Meta(ge=1, le=8)]
    output: Literal["value", "weight"] = "weight"
    weight_bound: Annotated[float, Meta(gt=0, le=10)] = 3.0


class Loss(LearnedLoss):
    """A learned loss of the family ``taylor``; see ``Architecture``.

    Attributes:
        coefficients: of the terms, in the order of ``terms``.
        terms: each the signals it multiplies, by number; the constant first.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.architecture = parse_architecture(Architecture, config)
        signals, order = len(config.signals), self.architecture.order
        count = math.comb(signals + order, order)
        if count > MOST_TERMS:
            raise ConfigError(
                f"a polynomial of order {order} in {signals} signals has {count} terms, at most {MOST_TERMS} were "
                f"expected in the config of {config.name}. Lower the order."
            )
        each = (itertools.combinations_with_replacement(range(signals), degree) for degree in range(order + 1))
        self.terms: list[tuple[int, ...]] = [term for terms in each for term in terms]
        self.coefficients = nn.Parameter(torch.zeros(count))

    def value(self, batch: Batch) -> Tensor:
        """The loss of each point."""
        total = self._polynomial(self.columns(batch)).expand(batch.points)
        if self.architecture.output == "value":
            return total
        bound = self.architecture.weight_bound
        return batch[self.kind.ordinary] * (bound * (total / bound).tanh()).exp()

    def formula(self) -> str:
        """The polynomial written out."""
        names = [str(signal) for signal in self.config.signals]
        written = [
            " * ".join([f"{abs(c):.4g}", *_powers(term, names)]) for c, term in zip(*self._nonzero(), strict=True)
        ]
        signs = ["-" if c < 0 else "+" for c in self._nonzero()[0]]
        total = " ".join(f"{sign} {text}" for sign, text in zip(signs, written, strict=True)).removeprefix("+ ") or "0"
        if self.architecture.output == "value":
            return f"loss = {total}"
        bound = f"{self.architecture.weight_bound:g}"
        return f"loss = {self.kind.ordinary} * exp({bound} * tanh(z / {bound}))\nz = {total}"

    def reset_parameters(self, prior: tuple[float, ...] = ()) -> None:
        """Small random coefficients; or those of the ``prior``, in the order of ``terms``, the rest zero."""
        with torch.no_grad():
            self.coefficients.normal_(std=0.0 if prior else 0.1)
            self.coefficients[: len(prior)] = torch.tensor(prior)

    def _polynomial(self, columns: list[Tensor]) -> Tensor:
        """Each product of signals is that of a shorter one and one more signal, so that none is computed twice."""
        products: dict[tuple[int, ...], Tensor] = {}
        total = self.coefficients[0]
        for coefficient, term in zip(self.coefficients[1:], self.terms[1:], strict=True):
            *shorter, last = term
            products[term] = columns[last] * products[tuple(shorter)] if shorter else columns[last]
            total = total + coefficient * products[term]
        return total

    def _nonzero(self) -> tuple[list[float], list[tuple[int, ...]]]:
        kept = [(c, term) for c, term in zip(self.coefficients.tolist(), self.terms, strict=True) if c]
        return [c for c, _ in kept], [term for _, term in kept]


def _powers(term: tuple[int, ...], names: list[str]) -> list[str]:
    return [names[i] if n == 1 else f"({names[i]})^{n}" for i, n in sorted(Counter(term).items())]

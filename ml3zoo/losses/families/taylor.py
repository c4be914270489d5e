"""Family ``taylor``: a polynomial in the signals gives each point's loss, or the weights of its terms (TaylorGLO).

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

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LossConfig, parse_architecture
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.terms import WeightedTerms

MOST_MONOMIALS = 4096


class Architecture(WeightedTerms, frozen=True, kw_only=True):
    """The polynomial: all products of at most ``order`` signals, each with a coefficient.

    ``output="value"``: the polynomial is the loss. ``output="weight"``: each term has a polynomial as its ``z``, see
    ``WeightedTerms``.
    """

    order: Annotated[int, Meta(ge=1, le=8)]
    output: Literal["value", "weight"] = "weight"


class Loss(LearnedLoss):
    """A learned loss of the family ``taylor``; see ``Architecture``.

    Attributes:
        coefficients: in the order of ``monomials``, one polynomial after the other.
        monomials: the signals that each multiplies, by number; the constant first.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.architecture = parse_architecture(Architecture, config)
        signals, order = len(config.signals), self.architecture.order
        count = math.comb(signals + order, order)
        if count > MOST_MONOMIALS:
            raise ConfigError(
                f"a polynomial of order {order} in {signals} signals has {count} monomials, at most {MOST_MONOMIALS} "
                f"were expected in the config of {config.name}. Lower the order."
            )
        self.monomials = polynomial_monomials(signals, order)
        self.terms = self.architecture.names(config, self.problem_type)
        self.coefficients = nn.Parameter(torch.zeros(len(self.terms) * count))

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of each point."""
        values = [value.expand(inputs.points) for value in self._polynomials(self.columns(inputs))]
        if self.architecture.output == "value":
            return values[0]
        return self.architecture.weighted_sum(inputs, self.terms, values)

    def formula(self) -> str:
        """The polynomial written out."""
        polynomials = [self._written(each.tolist()) for each in self.coefficients.view(len(self.terms), -1)]
        if self.architecture.output == "value":
            return f"loss = {polynomials[0]}"
        return self.architecture.formula(self.terms, polynomials)

    def reset_parameters(self, init: tuple[float, ...] = ()) -> None:
        """Small random coefficients; or those of ``init``, in the order of ``monomials``, the rest zero."""
        with torch.no_grad():
            self.coefficients.normal_(std=0.0 if init else 0.1)
            self.coefficients[: len(init)] = torch.tensor(init)

    def _polynomials(self, columns: list[Tensor]) -> list[Tensor]:
        """The value of each polynomial at each point.

        Signals of the batch are scalars: they are multiplied into the coefficients first, which is cheaper.
        """
        grouped: dict[tuple[int, ...], list[Tensor]] = {}
        every = self.coefficients.view(len(self.terms), -1).unbind(1)
        for coefficients, monomial in zip(every, self.monomials, strict=True):
            of_points = tuple(i for i in monomial if columns[i].ndim)
            of_batch = [columns[i] for i in monomial if not columns[i].ndim]
            grouped.setdefault(of_points, []).append(math.prod(of_batch, start=coefficients))
        products: dict[tuple[int, ...], Tensor] = {}
        totals = torch.stack(grouped.pop(())).sum(0).unbind()
        for monomial, parts in grouped.items():
            *shorter, last = monomial
            products[monomial] = columns[last] * products[tuple(shorter)] if shorter else columns[last]
            each = torch.stack(parts).sum(0).unbind()
            totals = tuple(total + c * products[monomial] for total, c in zip(totals, each, strict=True))
        return list(totals)

    def _written(self, coefficients: list[float]) -> str:
        """One polynomial, without the monomials whose coefficient is zero."""
        names = [str(signal) for signal in self.config.signals]
        monomials = [
            f"{'-' if c < 0 else '+'} {' * '.join([f'{abs(c):.4g}', *_powers(monomial, names)])}"
            for c, monomial in zip(coefficients, self.monomials, strict=True)
            if c
        ]
        return " ".join(monomials).removeprefix("+ ") or "0"


def polynomial_monomials(signals: int, order: int) -> list[tuple[int, ...]]:
    """All products of at most ``order`` of so many signals, each as the signals it multiplies, the constant first."""
    each = (itertools.combinations_with_replacement(range(signals), degree) for degree in range(order + 1))
    return [monomial for monomials in each for monomial in monomials]


def _powers(monomial: tuple[int, ...], names: list[str]) -> list[str]:
    return [names[i] if n == 1 else f"({names[i]})^{n}" for i, n in sorted(Counter(monomial).items())]

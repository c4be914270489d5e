"""Family ``taylor``: a polynomial in the signals gives each point's loss, or the weights of its terms (TaylorGLO).

Source: Gonzalez, Miikkulainen, *Optimizing Loss Functions Through Multivariate Taylor Polynomial Parameterization*,
GECCO 2021.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
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
        of_points = [self.problem_type.signals[signal.signal].scope == "point" for signal in config.signals]
        self._of_points = [i for i in range(signals) if of_points[i]]
        self._of_batch = [i for i in range(signals) if not of_points[i]]
        places = _places([*self._of_points, *self._of_batch], self.monomials, order)
        self._places = [] if places == sorted(places) else places
        self.terms = self.architecture.names(config, self.problem_type)
        self.coefficients = nn.Parameter(torch.zeros(len(self.terms) * count))

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of each point."""
        columns = [column.reshape(-1) if column.ndim > 1 else column for column in self.columns(inputs)]
        points, batch = ([columns[i] for i in numbers] for numbers in (self._of_points, self._of_batch))
        coefficients = self.coefficients.view(len(self.terms), -1)
        if self._places:
            coefficients = torch.stack([coefficients.unbind(1)[place] for place in self._places], 1)
        counts = [homogeneous_monomials(len(columns), degree) for degree in range(self.architecture.order + 1)]
        products = _products(batch, self.architecture.order)
        value = _polynomial(torch.split(coefficients, counts, 1), points, products)
        values = value.expand(-1, math.prod(inputs.points)).view(-1, *inputs.points)
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


def homogeneous_monomials(signals: int, degree: int) -> int:
    """How many products of exactly so many signals there are, of so many signals."""
    return math.comb(signals + degree - 1, degree) if signals else int(degree == 0)


def _places(signals: Sequence[int], monomials: Sequence[tuple[int, ...]], order: int) -> list[int]:
    """Where the monomials of the signals in this order stand among those of the signals as they are numbered."""
    place = {monomial: i for i, monomial in enumerate(monomials)}
    numbered = polynomial_monomials(len(signals), order)
    return [place[tuple(sorted(signals[i] for i in monomial))] for monomial in numbered]


def _products(batch: Sequence[Tensor], order: int) -> list[Tensor]:
    """The products of 1, 2, ..., order scalars in the order of ``polynomial_monomials``, each [products, 1]."""
    if not batch:
        return []
    degrees = [torch.stack(list(batch))[:, None]]
    for degree in range(1, order):
        shorter = degrees[-1]
        starts = [len(shorter) - homogeneous_monomials(len(batch) - i, degree) for i in range(len(batch))]
        degrees.append(torch.cat([value * shorter[start:] for value, start in zip(batch, starts, strict=True)]))
    return degrees


def _polynomial(degrees: Sequence[Tensor], points: Sequence[Tensor], products: Sequence[Tensor]) -> Tensor:
    """Polynomials of signals of points and of the batch, the points' first, [polynomials, points] or [polynomials, 1].

    It is what is left without the points' signals, and each of these times a polynomial of one order less in itself and
    all later signals. Signals of the batch are multiplied into the coefficients first, so that little is left to do for
    each point.

    Args:
        degrees: coefficients of the monomials of 0, 1, ... signals, each [polynomials, monomials].
        points: signals of points, each [points].
        products: of 1, 2, ... signals of the batch, each [products, 1].
    """
    total, *others = degrees
    led: list[list[Tensor]] = [[] for _ in points]
    for degree, coefficients in enumerate(others, 1):
        of_batch = len(products[0]) if products else 0
        sizes = [homogeneous_monomials(len(points) - i + of_batch, degree - 1) for i in range(len(points))]
        *parts, rest = torch.split(coefficients, [*sizes, homogeneous_monomials(of_batch, degree)], 1)
        for part, each in zip(parts, led, strict=True):
            each.append(part)
        if products:
            total = torch.addmm(total, rest, products[degree - 1])
    for i, point in enumerate(points if others else ()):
        total = torch.addcmul(total, _polynomial(led[i], points[i:], products), point)
    return total


def _powers(monomial: tuple[int, ...], names: list[str]) -> list[str]:
    return [names[i] if n == 1 else f"({names[i]})^{n}" for i, n in sorted(Counter(monomial).items())]

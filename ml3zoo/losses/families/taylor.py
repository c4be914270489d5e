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

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LossConfig, parse_architecture
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.signals import Batch
from ml3zoo.losses.weighting import Weighting

MOST_TERMS = 4096


class Architecture(Weighting, frozen=True, kw_only=True):
    """The polynomial: all products of at most ``order`` signals, each with a coefficient.

    ``output="value"``: the polynomial is the loss. ``output="weight"``: a polynomial for each signal that is added up
    gives its weight, see ``Weighting``.
    """

    order: Annotated[int, Meta(ge=1, le=8)]
    output: Literal["value", "weight"] = "weight"


class Loss(LearnedLoss):
    """A learned loss of the family ``taylor``; see ``Architecture``.

    Attributes:
        coefficients: of the terms, in the order of ``terms``; of one polynomial after the other.
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
        self.terms = polynomial_terms(signals, order)
        self.weighted = self.architecture.names(config, self.kind)
        self.coefficients = nn.Parameter(torch.zeros(len(self.weighted) * count))

    def value(self, batch: Batch) -> Tensor:
        """The loss of each point."""
        totals = [total.expand(batch.points) for total in self._polynomials(self.columns(batch))]
        if self.architecture.output == "value":
            return totals[0]
        return self.architecture.weigh(batch, self.weighted, totals)

    def formula(self) -> str:
        """The polynomial written out."""
        totals = [self._written(each.tolist()) for each in self.coefficients.view(len(self.weighted), -1)]
        if self.architecture.output == "value":
            return f"loss = {totals[0]}"
        return self.architecture.formula(self.weighted, totals)

    def reset_parameters(self, prior: tuple[float, ...] = ()) -> None:
        """Small random coefficients; or those of the ``prior``, in the order of ``terms``, the rest zero."""
        with torch.no_grad():
            self.coefficients.normal_(std=0.0 if prior else 0.1)
            self.coefficients[: len(prior)] = torch.tensor(prior)

    def _polynomials(self, columns: list[Tensor]) -> list[Tensor]:
        """Signals of the batch as a whole are numbers: they go into the coefficients of what differs between points."""
        grouped: dict[tuple[int, ...], list[Tensor]] = {}
        every = self.coefficients.view(len(self.weighted), -1).unbind(1)
        for coefficients, term in zip(every, self.terms, strict=True):
            of_points = tuple(i for i in term if columns[i].ndim)
            of_batch = [columns[i] for i in term if not columns[i].ndim]
            grouped.setdefault(of_points, []).append(math.prod(of_batch, start=coefficients))
        products: dict[tuple[int, ...], Tensor] = {}
        totals = torch.stack(grouped.pop(())).sum(0).unbind()
        for term, parts in grouped.items():
            *shorter, last = term
            products[term] = columns[last] * products[tuple(shorter)] if shorter else columns[last]
            each = torch.stack(parts).sum(0).unbind()
            totals = tuple(total + c * products[term] for total, c in zip(totals, each, strict=True))
        return list(totals)

    def _written(self, coefficients: list[float]) -> str:
        """One polynomial, without the terms whose coefficient is zero."""
        names = [str(signal) for signal in self.config.signals]
        terms = [
            f"{'-' if c < 0 else '+'} {' * '.join([f'{abs(c):.4g}', *_powers(term, names)])}"
            for c, term in zip(coefficients, self.terms, strict=True)
            if c
        ]
        return " ".join(terms).removeprefix("+ ") or "0"


def polynomial_terms(signals: int, order: int) -> list[tuple[int, ...]]:
    """All products of at most ``order`` of so many signals, each as the signals it multiplies, the constant first."""
    each = (itertools.combinations_with_replacement(range(signals), degree) for degree in range(order + 1))
    return [term for terms in each for term in terms]


def _powers(term: tuple[int, ...], names: list[str]) -> list[str]:
    return [names[i] if n == 1 else f"({names[i]})^{n}" for i, n in sorted(Counter(term).items())]

"""Family ``symbolic``: an expression over the signals gives each point's loss, or the weights of its terms.

The expression is data: a list of tokens in postfix order, read with a stack; nothing is ever evaluated as code. Source
of the idea: Raymond et al., *Learning Symbolic Model-Agnostic Loss Functions via Meta-Learning*, TPAMI 2023.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from msgspec import Meta
from torch import Tensor, nn

from ml3zoo.errors import ConfigError
from ml3zoo.format.config import LossConfig, parse_architecture
from ml3zoo.losses.base import LearnedLoss
from ml3zoo.losses.inputs import LossInputs
from ml3zoo.losses.terms import WeightedTerms

LARGEST = 1e6
"""Results of operators are clamped to this, so that every expression is finite everywhere."""
_TINY = 1e-3


@dataclass(frozen=True)
class Operator:
    """A safe operator: finite for all arguments up to ``LARGEST``.

    Attributes:
        arguments: how many it takes, 1 or 2.
        apply: the function of tensors.
        text: as in a formula, with a place for each argument.
        latex: the same in LaTeX.
    """

    arguments: int
    apply: Callable[..., Tensor]
    text: str
    latex: str


OPERATORS: dict[str, Operator] = {
    "neg": Operator(1, torch.neg, "-({})", r"-\left({}\right)"),
    "abs": Operator(1, torch.abs, "|{}|", r"\left|{}\right|"),
    "square": Operator(1, torch.square, "({})^2", r"\left({}\right)^2"),
    "root": Operator(1, lambda x: (x.square() + _TINY**2) ** 0.25, "sqrt|{}|", r"\sqrt{{\left|{}\right|}}"),
    "exp": Operator(1, lambda x: x.clamp(-14, 14).exp(), "exp({})", r"\exp\left({}\right)"),
    "log": Operator(1, lambda x: 0.5 * (x.square() + _TINY**2).log(), "log|{}|", r"\log\left|{}\right|"),
    "tanh": Operator(1, torch.tanh, "tanh({})", r"\tanh\left({}\right)"),
    "sigmoid": Operator(1, torch.sigmoid, "sigmoid({})", r"\sigma\left({}\right)"),
    "add": Operator(2, torch.add, "({} + {})", r"\left({} + {}\right)"),
    "sub": Operator(2, torch.sub, "({} - {})", r"\left({} - {}\right)"),
    "mul": Operator(2, torch.mul, "{} * {}", r"{} \cdot {}"),
    "div": Operator(2, lambda x, y: x * y / (y.square() + _TINY**2), "({}) / ({})", r"\frac{{{}}}{{{}}}"),
    "max": Operator(2, torch.maximum, "max({}, {})", r"\max\left({}, {}\right)"),
    "min": Operator(2, torch.minimum, "min({}, {})", r"\min\left({}, {}\right)"),
}

Token = Annotated[
    str, Meta(pattern=rf"^(s[0-9]{{1,2}}|c[0-9]{{0,2}}|[0-9]{{1,4}}(\.[0-9]{{1,6}})?|{'|'.join(OPERATORS)})\Z")
]


class Architecture(WeightedTerms, frozen=True, kw_only=True):
    """The expression, or one for each term, one after the other.

    ``tokens`` in postfix order: ``s0`` is the first signal, ``c`` the next coefficient, a number itself, anything else
    an operator. Where a coefficient stands in several places, all are numbered instead: ``c0`` is the first.
    ``output="value"``: the expression is the loss. ``output="weight"``: it is the ``z`` of a term, see
    ``WeightedTerms``.
    """

    tokens: Annotated[tuple[Token, ...], Meta(min_length=1, max_length=512)]
    output: Literal["value", "weight"] = "weight"

    def __post_init__(self) -> None:
        """The tokens leave exactly one value for each expression."""
        super().__post_init__()
        numbers = sorted(int(token[1:]) for token in {*self.tokens} if _is_numbered(token, "c"))
        if numbers and ("c" in self.tokens or numbers != [*range(len(numbers))]):
            raise ValueError(
                f"coefficients are {', '.join(f'c{number}' for number in numbers)}{' and c' * ('c' in self.tokens)}: "
                "all plain, or all numbered from c0 without a gap were expected"
            )
        depth = 0
        for place, token in enumerate(self.tokens):
            needed = OPERATORS[token].arguments if token in OPERATORS else 0
            if depth < needed:
                raise ValueError(f"token {place} ({token}) needs {needed} values, the tokens before it leave {depth}")
            depth += 1 - needed
        expected = max(1, len(self.terms))
        if depth != expected:
            raise ValueError(
                f"the tokens leave {depth} values, {expected} {'was' if expected == 1 else 'were'} expected"
            )

    @property
    def numbered(self) -> tuple[str, ...]:
        """The tokens, all coefficients numbered."""
        number = itertools.count()
        return tuple(f"c{next(number)}" if token == "c" else token for token in self.tokens)

    @property
    def numbers(self) -> set[str]:
        """The tokens that stand for themselves."""
        return {token for token in self.tokens if token[0].isdigit()}

    @property
    def coefficients(self) -> int:
        """How many there are."""
        return len({token for token in self.numbered if _is_numbered(token, "c")})


def _is_numbered(token: str, kind: str) -> bool:
    return token[0] == kind and token[1:].isdigit()


Factors = tuple[int, ...]
"""Numbers of the signals that are multiplied in a summand; none for the constant."""


def linear_expressions(
    signals: int, products: Collection[Factors], starts: Sequence[Mapping[Factors, float]]
) -> tuple[list[str], tuple[float, ...]]:
    """Expressions that are linear in all signals and in some products of them.

    Args:
        signals: their number.
        products: of signals, the same in every expression.
        starts: of each expression the coefficients that do not start at zero.

    Returns:
        Their tokens, one expression after the other, and the first coefficients.
    """
    summands = [*((k,) for k in range(signals)), *products]
    text = " ".join(["c", *(f"c {' '.join(f's{k} mul' for k in factors)} add" for factors in summands)])
    tokens = " ".join([text] * len(starts)).split()
    return tokens, tuple(start.get(factors, 0.0) for start in starts for factors in [(), *summands])


class Loss(LearnedLoss):
    """A learned loss of the family ``symbolic``; see ``Architecture``.

    Attributes:
        coefficients: one for each token ``c``, or each number of one.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__(config)
        self.architecture = parse_architecture(Architecture, config)
        signals = {f"s{i}" for i in range(len(config.signals))}
        unknown = sorted({t for t in self.architecture.tokens if _is_numbered(t, "s")} - signals)
        if unknown:
            raise ConfigError(
                f"the expression of {config.name} has {unknown[0]!r}, its signals are s0 to s{len(signals) - 1}."
            )
        self.terms = self.architecture.names(config, self.problem_type)
        self.coefficients = nn.Parameter(torch.ones(self.architecture.coefficients))

    def value(self, inputs: LossInputs) -> Tensor:
        """The loss of each point."""
        known = {f"s{i}": column for i, column in enumerate(self.columns(inputs))}
        like = known["s0"]
        known |= {f"c{i}": coefficient for i, coefficient in enumerate(self.coefficients)}
        for token in self.architecture.numbers:
            known[token] = torch.full((), float(token), dtype=like.dtype, device=like.device)
        stack: list[Tensor] = []
        for token in self.architecture.numbered:
            if token in OPERATORS:
                operator = OPERATORS[token]
                arguments = [stack.pop() for _ in range(operator.arguments)][::-1]
                stack.append(operator.apply(*arguments).clamp(-LARGEST, LARGEST))
            else:
                stack.append(known[token])
        values = [value.expand(inputs.points) for value in stack]
        if self.architecture.output == "value":
            return values[0]
        return self.architecture.weighted_sum(inputs, self.terms, torch.stack(values))

    def formula(self, latex: bool = False) -> str:
        """The expression written out, as text or in LaTeX."""
        known = {f"c{i}": f"{coefficient:.4g}" for i, coefficient in enumerate(self.coefficients.tolist())}
        for i, signal in enumerate(self.config.signals):
            known[f"s{i}"] = rf"\text{{{signal}}}".replace("_", r"\_") if latex else str(signal)
        stack: list[_Written] = []
        for token in self.architecture.numbered:
            if token in OPERATORS:
                operator = OPERATORS[token]
                arguments = [stack.pop() for _ in range(operator.arguments)][::-1]
                stack.append(_sum(arguments, latex) if token == "add" else _applied(operator, arguments, latex))
            else:
                stack.append(_Written(known.get(token, token)))
        if self.architecture.output == "value":
            return (r"\ell = " if latex else "loss = ") + stack[0].text
        return self.architecture.formula(self.terms, [written.text for written in stack], latex)

    def reset_parameters(self, init: tuple[float, ...] = ()) -> None:
        """Normally distributed coefficients, or those of ``init``."""
        with torch.no_grad():
            self.coefficients.normal_()
            if init:
                self.coefficients.copy_(torch.tensor(init))


class _Written(NamedTuple):
    """A part of an expression, written out.

    Attributes:
        text: without brackets around it.
        is_sum: whether it wants some where anything but a sum follows.
    """

    text: str
    is_sum: bool = False

    def enclosed(self, latex: bool) -> str:
        if not self.is_sum:
            return self.text
        return rf"\left({self.text}\right)" if latex else f"({self.text})"


def _sum(arguments: list[_Written], latex: bool) -> _Written:
    left, right = arguments
    return _Written(f"{left.text} + {right.enclosed(latex)}".replace("+ -", "- "), is_sum=True)


def _applied(operator: Operator, arguments: list[_Written], latex: bool) -> _Written:
    template = operator.latex if latex else operator.text
    return _Written(template.format(*(argument.enclosed(latex) for argument in arguments)))

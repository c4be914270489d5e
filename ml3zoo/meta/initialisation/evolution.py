"""Symbolic students of a loss: expressions by genetic programming, their coefficients by gradient.

Source of the idea: Raymond et al., *Learning Symbolic Model-Agnostic Loss Functions via Meta-Learning*, TPAMI 2023. The
score of an expression is the error of ``ml3zoo.meta.initialisation.distillation`` after a fit of its coefficients, plus
a small price for its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ml3zoo.format.config import LossConfig
from ml3zoo.losses import LearnedLoss, build_loss
from ml3zoo.losses.families.symbolic import OPERATORS
from ml3zoo.meta.compute import reproducible_compute
from ml3zoo.meta.initialisation.distillation import Samples, collect_samples, fit
from ml3zoo.meta.outer import TrainingConfig
from ml3zoo.meta.progress import progress_bar

Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Evolution:
    """How expressions are searched for.

    Attributes:
        population: number of expressions in a generation.
        generations: their number.
        parents: number of best expressions of a generation, of which the next is made.
        longest: largest number of tokens of an expression.
        price: of a token, in shares of the gradient that is missed.
        iterations: of each fit.
        seed: of the search.
    """

    population: int = 40
    generations: int = 15
    parents: int = 8
    longest: int = 24
    price: float = 0.002
    iterations: int = 8
    seed: int = 0

    def __call__(
        self,
        loss: LearnedLoss,
        config: LossConfig,
        training_configs: Sequence[TrainingConfig],
        *,
        tasks: int = 4,
        snapshots: int = 8,
    ) -> LearnedLoss:
        """The best student of the family ``symbolic`` for a loss.

        Args:
            loss: the teacher.
            config: of the student; the tokens of its architecture are replaced by those found.
            training_configs: of the trainings that the two are compared in.
            tasks: of each training config.
            snapshots: of each training.
        """
        with reproducible_compute():
            samples = [collect_samples(loss, each, tasks, snapshots, self.seed) for each in training_configs]
            return _Search(self, config, samples)()


@dataclass(frozen=True)
class _Candidate:
    tokens: Tokens
    student: LearnedLoss
    score: float


class _Search:
    """One running search."""

    def __init__(self, evolution: Evolution, config: LossConfig, samples: Sequence[Samples]) -> None:
        self.evolution, self.config, self.samples = evolution, config, samples
        self.generator = torch.Generator().manual_seed(evolution.seed)
        self.leaves = [*(f"s{k}" for k in range(len(config.signals))), "c", "c"]
        self.known: dict[Tokens, _Candidate] = {}

    def __call__(self) -> LearnedLoss:
        initial = [self._linear(), *(self._random(2 + k % 3) for k in range(self.evolution.population - 1))]
        candidates = [self._measured(tokens) for tokens in initial if len(tokens) <= self.evolution.longest]
        with progress_bar("evolution", self.evolution.generations) as advance:
            for generation in range(self.evolution.generations):
                candidates = self._best(candidates)
                advance(generation + 1, f"best {candidates[0].score:.3f}")
                children = [self._child(candidates) for _ in range(self.evolution.population - len(candidates))]
                candidates += [self._measured(tokens) for tokens in children]
        return self._best(candidates)[0].student

    def _best(self, candidates: list[_Candidate]) -> list[_Candidate]:
        unique = {candidate.tokens: candidate for candidate in candidates}
        return sorted(unique.values(), key=lambda candidate: candidate.score)[: self.evolution.parents]

    def _measured(self, tokens: Tokens) -> _Candidate:
        if tokens not in self.known:
            architecture = self.config.architecture | {"tokens": tokens}
            student = build_loss(self.config.replace(architecture=architecture))
            missed = fit(student, self.samples, self.evolution.iterations)
            self.known[tokens] = _Candidate(tokens, student, missed + self.evolution.price * len(tokens))
        return self.known[tokens]

    def _child(self, parents: list[_Candidate]) -> Tokens:
        """A parent with a subexpression replaced by one of its own, of another parent or a random one, or wrapped."""
        mother, father = (parents[self._below(len(parents))].tokens for _ in range(2))
        start, end = self._part(mother)
        mutation = self._below(6)
        if mutation > 3:
            first, last = self._part(mother[start:end])
            part = mother[start + first : start + last]
        elif mutation == 0:
            other = slice(*self._part(father))
            part = father[other]
        elif mutation == 1:
            part = self._random_expression(self._below(3))
        elif mutation == 2:
            part = (*mother[start:end], *self._random_expression(self._below(2)), self._pick(self._operators(2)))
        else:
            part = (*mother[start:end], self._pick(self._operators(1)))
        child = mother[:start] + part + mother[end:]
        return child if len(child) <= self.evolution.longest else mother

    @property
    def _expressions(self) -> range:
        """One for each term that has a weight."""
        return range(max(1, len(self.config.architecture.get("terms", ()))))

    def _linear(self) -> Tokens:
        """A linear expression of all signals: a start that the search shortens or improves."""
        terms = [token for k in range(len(self.config.signals)) for token in ("c", f"s{k}", "mul", "add")]
        return tuple(token for _ in self._expressions for token in ("c", *terms))

    def _random(self, depth: int) -> Tokens:
        """Random expressions, one for each term."""
        return tuple(token for _ in self._expressions for token in self._random_expression(depth))

    def _random_expression(self, depth: int) -> Tokens:
        """A random expression of at most a depth."""
        if depth == 0 or self._below(5) == 0:
            return (self._pick(self.leaves),)
        operator = self._pick(self._operators(1 if self._below(4) == 0 else 2))
        arguments = [self._random_expression(depth - 1) for _ in range(OPERATORS[operator].arguments)]
        return (*(token for argument in arguments for token in argument), operator)

    def _part(self, tokens: Tokens) -> tuple[int, int]:
        """Start and end of a random subexpression."""
        end = self._below(len(tokens))
        start, needed = end, 1
        while True:
            needed += (OPERATORS[tokens[start]].arguments if tokens[start] in OPERATORS else 0) - 1
            if needed == 0:
                return start, end + 1
            start -= 1

    @staticmethod
    def _operators(arguments: int) -> list[str]:
        return [name for name, operator in OPERATORS.items() if operator.arguments == arguments]

    def _pick(self, choices: list[str]) -> str:
        return choices[self._below(len(choices))]

    def _below(self, limit: int) -> int:
        return int(torch.randint(limit, (), generator=self.generator))

"""Tuning: of several candidates, the one with the lowest score."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

Candidate = TypeVar("Candidate")
Score = TypeVar("Score", float, tuple[float, ...])


@dataclass(frozen=True)
class Selected(Generic[Candidate, Score]):
    """The best candidate, with the score that selected it."""

    candidate: Candidate
    score: Score


def select(candidates: Iterable[Candidate], score: Callable[[Candidate], Score]) -> Selected[Candidate, Score]:
    """The candidate with the lowest score, the first of equals.

    Raises:
        ValueError: there is none.
    """
    scored = [Selected(candidate, score(candidate)) for candidate in candidates]
    return min(scored, key=lambda each: each.score)

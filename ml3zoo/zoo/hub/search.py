"""Search: which learned losses are there on the Hub?"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from itertools import islice

from huggingface_hub.hf_api import ModelInfo
from msgspec import Struct

from ml3zoo.errors import ConfigError
from ml3zoo.format.problem_types import problem_types
from ml3zoo.format.schema import parse
from ml3zoo.zoo.card import QUICK
from ml3zoo.zoo.hub.client import ask, hub_api, reach

_MOST = 1000
TAG = "ml3zoo"
"""Every published loss carries it."""


@dataclass(frozen=True)
class HubEntry:
    """A loss on the Hub, as its card describes it: what its author claims, unchecked.

    Attributes:
        name: its reference.
        problem_type: of its losses.
        headline: its main result.
        downloads: how often it was.
        quick: whether it is of a quick run, whose numbers mean nothing.
    """

    name: str
    problem_type: str
    headline: str
    downloads: int
    quick: bool = False


class _Metric(Struct, kw_only=True):
    type: str
    name: str | None = None
    value: float | str


class _Result(Struct, kw_only=True):
    metrics: list[_Metric]


class _Measured(Struct, kw_only=True):
    results: list[_Result]


def search_losses(pattern: str = "*", problem_type: str | None = None) -> list[HubEntry]:
    """Losses on the Hub by library tag, most downloaded first; at most a thousand.

    Args:
        pattern: a shell pattern for the repository's name, with or without its organisation.
        problem_type: ``"regression"``, ``"classification"`` or ``"trajectory"``; any if not given.

    Raises:
        HubError: the Hub cannot be reached, or refuses.
    """
    literal = max(re.split(r"[*?/]+", re.sub(r"\[!?\]?[^\]]*\]", "*", pattern)), key=len)

    def found() -> list[ModelInfo]:
        reach()
        models = hub_api().list_models(
            filter=[TAG, *([problem_type] if problem_type else [])],
            search=literal or None,
            expand=["downloads", "model-index", "tags"],
            sort="downloads",
        )
        return list(islice(models, _MOST))

    return [_entry(model) for model in ask(found) if _matches(model.id, pattern)]


def _matches(repo: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(repo, pattern) or fnmatch.fnmatchcase(repo.split("/")[-1], pattern)


def _entry(model: ModelInfo) -> HubEntry:
    problem_type = next((name for name in problem_types() if name in (model.tags or [])), "unknown")
    quick = QUICK in (model.tags or [])
    headline = _headline(model.model_index)
    if quick:
        headline = f"A quick run, its numbers mean nothing. {headline}"
    return HubEntry(f"hf://{model.id}", problem_type, headline, model.downloads or 0, quick)


def _headline(index: object) -> str:
    """What a card's ``model-index`` claims; nothing if it is written otherwise than ml3zoo writes it."""
    try:
        measured = parse(list[_Measured], index, "model-index")
    except ConfigError:
        return ""
    metrics = [metric for model in measured for result in model.results for metric in result.metrics]
    return "; ".join(f"{metric.name or metric.type} {metric.value}" for metric in metrics)

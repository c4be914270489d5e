"""Search: which learned losses are there on the Hub?"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from itertools import islice

from huggingface_hub.hf_api import ModelInfo

from ml3zoo.hub.client import hub_api, telling

_MOST = 1000
TAG = "ml3zoo"
"""Every published loss carries it."""


@dataclass(frozen=True)
class HubEntry:
    """A loss on the Hub, as its card describes it: what its author claims, unchecked."""

    name: str
    kind: str
    headline: str
    downloads: int


def search_losses(pattern: str = "*", kind: str | None = None) -> list[HubEntry]:
    """Losses on the Hub by library tag, most downloaded first; at most a thousand.

    Args:
        pattern: a shell pattern for the repository's name, with or without its organisation.
        kind: ``"regression"``, ``"classification"`` or ``"trajectory"``; any if not given.

    Raises:
        HubError: the Hub cannot be reached, or refuses.
    """
    literal = max(re.split(r"[*?\[\]/]+", pattern), key=len)
    with telling():
        found = hub_api().list_models(
            filter=[TAG, *([kind] if kind else [])], search=literal or None, cardData=True, sort="downloads"
        )
        models = list(islice(found, _MOST))
    return [_entry(model) for model in models if _matches(model.id, pattern)]


def _matches(repo: str, pattern: str) -> bool:
    return fnmatch.fnmatchcase(repo, pattern) or fnmatch.fnmatchcase(repo.split("/")[-1], pattern)


def _entry(model: ModelInfo) -> HubEntry:
    kinds = [tag for tag in model.tags or [] if tag in {"regression", "classification", "trajectory"}]
    results = model.card_data.eval_results if model.card_data else None
    headline = "; ".join(f"{r.metric_name or r.metric_type} {r.metric_value}" for r in results or [])
    return HubEntry(f"hf://{model.id}", kinds[0] if kinds else "unknown", headline, model.downloads or 0)

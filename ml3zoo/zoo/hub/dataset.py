"""Datasets on the Hub that are folders of images: fetched into the Hub cache."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from huggingface_hub import snapshot_download

from ml3zoo.zoo.hub.client import allowance, ask
from ml3zoo.zoo.hub.reference import parse_reference

_LARGEST = 2**30


def fetch_images(name: str, suffixes: Iterable[str]) -> Path:
    """Fetch the image files of a dataset, or find them in the cache.

    Args:
        name: ``hf://owner/name`` or ``hf://owner/name@revision``.
        suffixes: of image files.

    Returns:
        The folder that holds them as the dataset does.

    Raises:
        UnknownNameError: there is no such dataset or revision.
        HubError: the Hub refuses, or cannot be reached.
        OutputError: the cache cannot be written to.
    """
    reference = parse_reference(name)
    patterns = [f"*{suffix}" for suffix in suffixes]
    fetched = ask(
        lambda: snapshot_download(
            reference.repo, repo_type="dataset", revision=reference.revision, allow_patterns=patterns
        ),
        reference,
        seconds=allowance(_LARGEST),
    )
    return Path(fetched)

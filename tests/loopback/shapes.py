"""Repositories and files as the JSON that the client reads."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import yaml  # type: ignore[import-untyped]

from .storage import Commit, Repo, StoredFile, git_hash

Json = dict[str, Any]
_POINTER_SIZE = 134
_TAGGED = {"license": "license", "datasets": "dataset", "base_model": "base_model", "arxiv": "arxiv"}
_CARD_HEAD = re.compile(r"---\s*\n(.*?)\n---", re.DOTALL)


def card_head(text: str) -> Json:
    """The metadata that a README begins with.

    Raises:
        yaml.YAMLError: it is not YAML.
    """
    head = _CARD_HEAD.match(text)
    data = yaml.safe_load(head[1]) if head else None
    return data if isinstance(data, dict) else {}


def card_data(commit: Commit) -> Json:
    """A commit's card metadata, empty if it has none that can be read."""
    readme = commit.files.get("README.md")
    try:
        return card_head(readme.data.decode(errors="replace")) if readme else {}
    except yaml.YAMLError:
        return {}


def model_tags(commit: Commit) -> list[str]:
    """Tags that the Hub makes from card and files; ``filter=`` looks for them."""
    card = card_data(commit)
    tags = _as_list(card.get("library_name"))
    if any(path.endswith(".safetensors") for path in commit.files):
        tags.append("safetensors")
    for key in ("tags", "pipeline_tag", "language"):
        tags += _as_list(card.get(key))
    tags += [f"{prefix}:{value}" for key, prefix in _TAGGED.items() for value in _as_list(card.get(key))]
    if card.get("model-index"):
        tags.append("model-index")
    return list(dict.fromkeys([*map(str, tags), "region:us"]))


def model_json(repo: Repo, commit: Commit) -> Json:
    """What a listing says of a model at least."""
    card = card_data(commit)
    return {
        "_id": hashlib.md5(repo.id.encode()).hexdigest()[:24],
        "id": repo.id,
        "modelId": repo.id,
        "author": repo.namespace,
        "sha": commit.oid,
        "private": repo.private,
        "gated": repo.gated,
        "disabled": False,
        "downloads": repo.downloads,
        "likes": 0,
        "tags": model_tags(commit),
        "createdAt": repo.created,
        "lastModified": commit.date,
        "usedStorage": sum(file.size for file in commit.files.values()),
        **{key: card[key] for key in ("library_name", "pipeline_tag") if card.get(key)},
    }


def card_json(commit: Commit) -> Json:
    """What is added if the card is asked for."""
    card = card_data(commit)
    return {"cardData": card, "model-index": card.get("model-index")}


def siblings_json(commit: Commit, *, blobs: bool = False) -> Json:
    """What is added if the files are asked for, with size and hash if ``blobs``."""
    if commit.siblings is not None:
        return {"siblings": commit.siblings}
    return {"siblings": [_sibling(path, commit.files[path], blobs) for path in sorted(commit.files)]}


def _sibling(path: str, file: StoredFile, blobs: bool) -> Json:
    if not blobs:
        return {"rfilename": path}
    shape: Json = {"rfilename": path, "size": file.size, "blobId": file.blob_id}
    if file.lfs:
        shape["lfs"] = {"sha256": file.oid, "size": file.size, "pointerSize": _POINTER_SIZE}
    return shape


def file_json(path: str, file: StoredFile) -> Json:
    """A file in a tree."""
    shape: Json = {"type": "file", "path": path, "size": file.size, "oid": file.blob_id}
    if file.lfs:
        shape["lfs"] = {"oid": file.oid, "size": file.size, "pointerSize": _POINTER_SIZE}
    return shape


def folder_json(path: str) -> Json:
    """A folder in a tree."""
    return {"type": "directory", "path": path, "size": 0, "oid": git_hash(path.encode())}


def tree_json(files: Mapping[str, StoredFile], folder: str, *, recursive: bool) -> list[Json]:
    """What is in a folder (``""``: the root), and below it if ``recursive``."""
    start = f"{folder}/" if folder else ""
    entries: dict[str, Json] = {}
    for path in sorted(files):
        if not path.startswith(start):
            continue
        folders = path.removeprefix(start).split("/")[:-1]
        for depth in range(len(folders) if recursive else min(1, len(folders))):
            inner = start + "/".join(folders[: depth + 1])
            entries.setdefault(inner, folder_json(inner))
        if recursive or not folders:
            entries[path] = file_json(path, files[path])
    return list(entries.values())


def commit_json(commit: Commit) -> Json:
    """A commit in a history."""
    return {
        "id": commit.oid,
        "title": commit.title,
        "message": commit.message,
        "date": commit.date,
        "authors": [{"user": commit.author}],
    }


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list):
        return list(value)
    return [value] if value else []

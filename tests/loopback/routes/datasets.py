"""Datasets, as far as they are read: kept among the repositories under ``datasets/org/name``."""

from __future__ import annotations

from ..hub import Hub
from ..protocol import REPO, REVISION, Request, Response, json_response, route
from ..rights import commit_of, readable
from ..shapes import siblings_json
from .files import resolve
from .history import tree


@route("GET", f"/api/datasets/{REPO}(/revision/{REVISION})?")
def dataset_info(hub: Hub, request: Request, repo_id: str, revision: str | None) -> Response:
    repo = readable(hub, request, f"datasets/{repo_id}")
    commit = commit_of(repo, revision or "main")
    return json_response({"_id": commit.oid[:24], "id": repo_id, "sha": commit.oid} | siblings_json(commit))


@route("GET HEAD", f"/datasets/{REPO}/resolve/{REVISION}/(?P<path>.+)")
def resolve_of_dataset(hub: Hub, request: Request, repo_id: str, revision: str, path: str) -> Response:
    return resolve(hub, request, f"datasets/{repo_id}", revision, path)


@route("GET", f"/api/datasets/{REPO}/tree/{REVISION}(/(?P<folder>.+))?")
def tree_of_dataset(hub: Hub, request: Request, repo_id: str, revision: str, folder: str | None) -> Response:
    return tree(hub, request, f"datasets/{repo_id}", revision, folder)

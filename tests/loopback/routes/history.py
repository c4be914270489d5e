"""Files, branches, tags and commits of a repository."""

from __future__ import annotations

from urllib.parse import parse_qs

from ..hub import Hub
from ..protocol import REPO, REVISION, HubError, Request, Response, json_response, route
from ..rights import commit_of, readable, writable
from ..shapes import Json, commit_json, file_json, folder_json, tree_json
from ..storage import Repo


@route("GET", f"/api/models/{REPO}/tree/{REVISION}(/(?P<folder>.+))?")
def tree(hub: Hub, request: Request, repo_id: str, revision: str, folder: str | None) -> Response:
    commit = commit_of(readable(hub, request, repo_id), revision)
    if commit.tree is not None:
        return json_response(commit.tree)
    recursive = request.first("recursive").lower() in ("true", "1")
    entries = tree_json(commit.files, (folder or "").strip("/"), recursive=recursive)
    if folder and not entries:
        raise HubError(404, f'{folder} does not exist on "{revision}"', "EntryNotFound")
    return json_response(entries)


@route("POST", f"/api/models/{REPO}/paths-info/{REVISION}")
def paths_info(hub: Hub, request: Request, repo_id: str, revision: str) -> Response:
    files = commit_of(readable(hub, request, repo_id), revision).files
    is_json = "json" in request.headers.get("content-type", "")
    paths = request.json["paths"] if is_json else parse_qs(request.body.decode()).get("paths", [])
    found: list[Json] = []
    for path in paths:
        if path in files:
            found.append(file_json(path, files[path]))
        elif any(name.startswith(path.rstrip("/") + "/") for name in files):
            found.append(folder_json(path))
    return json_response(found)


@route("GET", f"/api/models/{REPO}/commits/{REVISION}")
def commits(hub: Hub, request: Request, repo_id: str, revision: str) -> Response:
    repo = readable(hub, request, repo_id)
    history = [commit_of(repo, revision)]
    while history[-1].parent is not None:
        history.append(repo.commits[history[-1].parent])
    return json_response([commit_json(commit) for commit in history])


@route("GET", f"/api/models/{REPO}/refs")
def refs(hub: Hub, request: Request, repo_id: str) -> Response:
    repo = readable(hub, request, repo_id)
    proposals = {name: oid for name, oid in repo.heads.items() if name.startswith("refs/pr/")}
    branches = {name: oid for name, oid in repo.heads.items() if name not in proposals}
    return json_response(
        {
            "branches": _refs_json("refs/heads/", branches),
            "tags": _refs_json("refs/tags/", repo.tags),
            "converts": [],
            "pullRequests": _refs_json("", proposals),
        }
    )


def _refs_json(prefix: str, targets: dict[str, str]) -> list[Json]:
    return [{"name": name, "ref": prefix + name, "targetCommit": oid} for name, oid in targets.items()]


@route("POST", f"/api/models/{REPO}/branch/(?P<name>[^/]+)")
def create_branch(hub: Hub, request: Request, repo_id: str, name: str) -> Response:
    repo = writable(hub, request, repo_id)
    return _point(repo, repo.heads, name, request.json.get("startingPoint") or "main")


@route("POST", f"/api/models/{REPO}/tag/{REVISION}")
def create_tag(hub: Hub, request: Request, repo_id: str, revision: str) -> Response:
    repo = writable(hub, request, repo_id)
    return _point(repo, repo.tags, request.json["tag"], revision)


@route("DELETE", f"/api/models/{REPO}/branch/(?P<name>[^/]+)")
def delete_branch(hub: Hub, request: Request, repo_id: str, name: str) -> Response:
    if name == "main":
        raise HubError(403, "Cannot delete the main branch")
    return _unpoint(writable(hub, request, repo_id).heads, name)


@route("DELETE", f"/api/models/{REPO}/tag/(?P<name>[^/]+)")
def delete_tag(hub: Hub, request: Request, repo_id: str, name: str) -> Response:
    return _unpoint(writable(hub, request, repo_id).tags, name)


def _point(repo: Repo, targets: dict[str, str], name: str, revision: str) -> Response:
    if name in targets:
        raise HubError(409, f"Reference already exists: {name}")
    targets[name] = commit_of(repo, revision).oid
    return json_response({})


def _unpoint(targets: dict[str, str], name: str) -> Response:
    if targets.pop(name, None) is None:
        raise HubError(404, f"Reference not found: {name}", "RevisionNotFound")
    return json_response({})

"""From a client's files to a commit."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json

import yaml  # type: ignore[import-untyped]

from ..hub import Hub
from ..protocol import REPO, REVISION, HubError, Request, Response, json_response, route
from ..rights import commit_of, named_caller, writable
from ..shapes import Json, card_head
from ..storage import Commit, StoredFile

Files = dict[str, StoredFile]
_REGULAR_AT_MOST = 10 * 2**20


@route("POST", "/api/validate-yaml")
def validate_yaml(hub: Hub, request: Request) -> Response:
    errors: list[str] = []
    warnings: list[str] = []
    try:
        card = card_head(request.json["content"])
        if not card:
            warnings.append("empty or missing yaml metadata in repo card")
        tags = card.get("tags") or []
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            errors.append('"tags" must be an array of strings')
    except yaml.YAMLError as error:
        errors.append(str(error))
    report = {
        name: [{"message": text} for text in texts] for name, texts in (("errors", errors), ("warnings", warnings))
    }
    if errors:
        raise HubError(400, "Invalid metadata in README.md.", body=report)
    return json_response(report)


@route("POST", f"/api/models/{REPO}/preupload/{REVISION}")
def preupload(hub: Hub, request: Request, repo_id: str, revision: str) -> Response:
    """Say which files are to be sent as LFS objects, and what is there already."""
    repo = writable(hub, request, repo_id, proposal="create_pr" in request.query)
    commit = commit_of(repo, revision)
    return json_response({"files": [_instruction(asked, commit) for asked in request.json["files"]]})


def _instruction(asked: Json, commit: Commit) -> Json:
    path, present = asked["path"], commit.files.get(asked["path"])
    is_large = asked["size"] > _REGULAR_AT_MOST or b"\0" in base64.b64decode(asked.get("sample", ""))
    shape = {
        "path": path,
        "uploadMode": "lfs" if is_large or is_lfs(path, commit) else "regular",
        "shouldIgnore": False,
    }
    return shape if present is None else {**shape, "oid": present.oid}


def is_lfs(path: str, commit: Commit) -> bool:
    """Whether a commit's ``.gitattributes`` makes a file an LFS file."""
    attributes = commit.files.get(".gitattributes", StoredFile(b"")).data.decode(errors="replace")
    patterns = [line.split()[0] for line in attributes.splitlines() if "filter=lfs" in line]
    return any(fnmatch.fnmatch(path.split("/")[-1], pattern) for pattern in patterns)


@route("POST", rf"/{REPO}\.git/info/lfs/objects/batch")
def lfs_batch(hub: Hub, request: Request, repo_id: str) -> Response:
    """Say where to send LFS objects that are not there yet. Objects for a pull request cannot be told from others."""
    writable(hub, request, repo_id, proposal=True)
    verify = f"{request.endpoint}/{repo_id}.git/info/lfs/verify"
    objects: list[Json] = []
    for asked in request.json["objects"]:
        shape = {"oid": asked["oid"], "size": asked["size"], "authenticated": True}
        if asked["oid"] not in hub.objects:
            upload = f"{request.endpoint}/_lfs/{asked['oid']}"
            shape["actions"] = {"upload": {"href": upload}, "verify": {"href": verify}}
        objects.append(shape)
    content_type = {"Content-Type": "application/vnd.git-lfs+json"}
    return json_response({"transfer": "basic", "objects": objects}, headers=content_type)


@route("PUT", "/_lfs/(?P<oid>[0-9a-f]{64})")
def lfs_put(hub: Hub, request: Request, oid: str) -> Response:
    if hashlib.sha256(request.body).hexdigest() != oid:
        raise HubError(400, "the object does not have this sha256")
    hub.objects[oid] = request.body
    return Response(headers={"ETag": f'"{oid}"'})


@route("POST", rf"/{REPO}\.git/info/lfs/verify")
def lfs_verify(hub: Hub, request: Request, repo_id: str) -> Response:
    writable(hub, request, repo_id, proposal=True)
    if len(hub.objects.get(request.json["oid"], b"")) != request.json["size"]:
        raise HubError(404, "the object is missing or has another size")
    return json_response({})


@route("POST", f"/api/models/{REPO}/commit/{REVISION}")
def commit(hub: Hub, request: Request, repo_id: str, revision: str) -> Response:
    proposal = "create_pr" in request.query
    repo = writable(hub, request, repo_id, proposal=proposal)
    parent = commit_of(repo, revision)
    if revision not in repo.heads:
        raise HubError(400, "Commits must target a branch")
    lines = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    header = lines[0]["value"]
    if header.get("parentCommit") not in (None, parent.oid):
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    files = dict(parent.files)
    for line in lines[1:]:
        _EDITS[line["key"]](hub, files, line["value"])
    branch, answer = revision, {}
    if proposal:
        number = 1 + sum(name.startswith("refs/pr/") for name in repo.heads)
        branch = f"refs/pr/{number}"
        answer["pullRequestUrl"] = f"{request.endpoint}/{repo_id}/discussions/{number}"
    made = repo.commit(
        branch,
        files,
        title=header["summary"],
        message=header.get("description", ""),
        author=named_caller(request).name,
        parent=parent,
    )
    url = f"{request.endpoint}/{repo_id}/commit/{made.oid}"
    return json_response({"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": "", **answer})


def _add(hub: Hub, files: Files, value: Json) -> None:
    files[value["path"]] = StoredFile(base64.b64decode(value["content"]))


def _add_lfs(hub: Hub, files: Files, value: Json) -> None:
    if value["oid"] not in hub.objects:
        raise HubError(400, f"LFS pointer pointed to a file that does not exist: {value['path']}")
    files[value["path"]] = StoredFile(hub.objects[value["oid"]], lfs=True)


def _delete_file(hub: Hub, files: Files, value: Json) -> None:
    if files.pop(value["path"], None) is None:
        raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")


def _delete_folder(hub: Hub, files: Files, value: Json) -> None:
    inside = [path for path in files if path.startswith(value["path"].rstrip("/") + "/")]
    if not inside:
        raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
    for path in inside:
        del files[path]


_EDITS = {"file": _add, "lfsFile": _add_lfs, "deletedFile": _delete_file, "deletedFolder": _delete_folder}
"""How each kind of line of a commit changes the files."""

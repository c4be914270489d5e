"""The tests' own entrance: faults to come, requests so far, and files that no client could have sent."""

from __future__ import annotations

import base64
from dataclasses import asdict

from ..faults import Fault
from ..hub import Hub
from ..protocol import HubError, Request, Response, json_response, route
from ..rights import commit_of
from ..shapes import Json
from ..storage import Commit, Repo, StoredFile
from .upload import is_lfs


@route("POST", "/_control/faults")
def set_faults(hub: Hub, request: Request) -> Response:
    """Replace all faults by a JSON list of them."""
    try:
        hub.faults = [Fault(**fault) for fault in request.json]
    except (TypeError, ValueError) as error:
        raise HubError(400, str(error)) from error
    return json_response({})


@route("POST", "/_control/log")
def take_log(hub: Hub, request: Request) -> Response:
    """Return all requests so far and forget them."""
    entries, hub.log = hub.log, []
    return json_response([asdict(entry) for entry in entries])


@route("POST", "/_control/put")
def put(hub: Hub, request: Request) -> Response:
    """Add files to a repository's main branch as one commit; make the repository if need be. Nothing is checked.

    Takes ``{repo, files: [{path, content, lfs?, size?, oid?}], private?, siblings?, tree?}`` with base64 content.
    """
    asked = request.json
    repo = hub.repos.setdefault(asked["repo"], Repo(asked["repo"], private=asked.get("private", False)))
    parent = commit_of(repo, "main")
    added = {file["path"]: _stored(file, parent) for file in asked["files"]}
    made = repo.commit("main", {**parent.files, **added}, title="put", author="control", parent=parent)
    repo.misreport(made, asked.get("siblings"), asked.get("tree"))
    return json_response({"commitOid": made.oid})


def _stored(file: Json, parent: Commit) -> StoredFile:
    lfs = file.get("lfs")
    return StoredFile(
        base64.b64decode(file["content"]),
        lfs=is_lfs(file["path"], parent) if lfs is None else lfs,
        claimed_size=file.get("size"),
        claimed_oid=file.get("oid"),
    )

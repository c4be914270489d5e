"""The files themselves: regular ones at once, LFS files by redirect to a place of another origin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from ..hub import Hub
from ..protocol import REPO, REVISION, HubError, Request, Response, route
from ..rights import caller, commit_of, readable
from ..storage import Repo


@route("GET HEAD", f"/{REPO}/resolve/{REVISION}/(?P<path>.+)")
def resolve(hub: Hub, request: Request, repo_id: str, revision: str, path: str) -> Response:
    repo = readable(hub, request, repo_id)
    commit = commit_of(repo, revision)
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    _check_gate(repo, request, headers)
    file = commit.files.get(path)
    if file is None:
        raise HubError(404, "Entry not found", "EntryNotFound", headers)
    repo.downloads += request.method == "GET"
    headers["ETag"] = f'"{file.oid}"'
    if not file.lfs:
        return ranged(request, file.data, {**headers, "Content-Disposition": f'inline; filename="{quote(path)}"'})
    place = f"/_cdn/{repo_id}/{commit.oid}/{quote(path, safe='')}?X-Amz-Signature=loopback"
    return Response(
        302,
        headers={
            **headers,
            "Location": f"http://localhost:{request.headers['host'].split(':')[-1]}{place}",
            "X-Linked-Etag": f'"{file.oid}"',
            "X-Linked-Size": str(file.size),
        },
    )


def _check_gate(repo: Repo, request: Request, headers: Mapping[str, str]) -> None:
    user = caller(request)
    if not repo.gated or (user is not None and user.belongs_to(repo.namespace)):
        return
    message = f"Access to model {repo.id} is restricted and you are not in the authorized list."
    raise HubError(401 if user is None else 403, message, "GatedRepo", headers)


@route("GET HEAD", f"/_cdn/{REPO}/(?P<oid>[0-9a-f]{{40}})/(?P<path>[^/]+)")
def cdn(hub: Hub, request: Request, repo_id: str, oid: str, path: str) -> Response:
    """LFS content; the address is the permission, so a token has no business here."""
    if "authorization" in request.headers:
        raise HubError(400, "the client sent its token to another origin")
    repo = hub.repos.get(repo_id)
    file = repo.commits[oid].files.get(path) if repo and oid in repo.commits else None
    if file is None:
        raise HubError(404, "no such object")
    return ranged(request, file.data, {"ETag": f'"{file.oid}"', "Accept-Ranges": "bytes"})


def ranged(request: Request, data: bytes, headers: Mapping[str, str]) -> Response:
    """The bytes that a ``Range`` header asks for, all without one.

    Raises:
        HubError: the range begins after the end.
    """
    headers = {"Content-Type": "application/octet-stream", **headers}
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if asked is None:
        return Response(200, data, headers)
    start, stop = int(asked[1]), min(int(asked[2] or len(data)) + 1, len(data))
    if start >= len(data):
        raise HubError(416, "Range Not Satisfiable", headers={"Content-Range": f"bytes */{len(data)}"})
    return Response(206, data[start:stop], {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})
